//go:build tools

// Package tools pins the Pulumi command line that tools/engine builds when no other engine is in reach.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
