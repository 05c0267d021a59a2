"""`python -m localcloud`: `serve` without loading the command line, which the engine waits for; all else through it."""

import sys

if sys.argv[1:] == ["serve", "dynamic"]:
    from localcloud.render_api import run_dynamic

    run_dynamic()
elif len(sys.argv) == 3 and sys.argv[1] == "serve":
    from localcloud.serve import serve

    serve(sys.argv[2])
else:
    from localcloud.cli import main

    main()
