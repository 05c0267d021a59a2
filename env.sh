# The project's shell environment: `. ./env.sh` in the checkout (direnv does it by .envrc). For bash, zsh and sh.
# With it, a plain `pulumi preview` or `pulumi up` uses this project's Python, engine and policy pack.
if [ ! -f "$PWD/policies/PulumiPolicy.yaml" ]; then
    echo "env.sh: run this in the top folder of the checkout" >&2
    return 1
fi
export PATH="$PWD/.venv/bin:$PWD/.local/engine:$PATH"
export VIRTUAL_ENV="$PWD/.venv"
export PULUMI_OPTION_POLICY_PACK="$PWD/policies"
export PULUMI_SKIP_UPDATE_CHECK=true
unset PULUMI_OPTION_POLICY_PACK_CONFIG
