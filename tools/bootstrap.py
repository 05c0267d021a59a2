"""First step of `make setup`: makes `.venv` with any Python 3.11+, then hands over to it.

Standard library only, and old syntax only in this file: an old interpreter gets a sentence instead of a traceback.
"""

import sys

MINIMUM = (3, 11)


def main():  # type: () -> int
    """Refuses an old interpreter, then makes what is missing; returns the exit code."""
    if sys.version_info < MINIMUM:
        sys.stderr.write(
            "error: Python %d.%d or newer is needed, %s is %s.\n"
            "  fix    install it (Debian: apt-get install python3 python3-venv; macOS: brew install python@3.12)\n"
            "         or name another one: make setup PYTHON=python3.12\n"
            % (MINIMUM[0], MINIMUM[1], sys.executable, sys.version.split()[0])
        )
        return 1
    from tools import environment

    return environment.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
