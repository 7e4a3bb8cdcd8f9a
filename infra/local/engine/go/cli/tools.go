//go:build tools

// Package tools names what is built from the modules that go.mod and go.sum pin.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
