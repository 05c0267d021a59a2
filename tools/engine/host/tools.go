//go:build tools

// Package tools pins Pulumi's Python language host: the last release line that has it inside the sdk module.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
