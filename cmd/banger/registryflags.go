package main

import (
	"os"
	"os/exec"

	"github.com/urfave/cli/v2"

	"banger/core/source"
)

// registryFlags say how registries are spoken to.
func registryFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "authfile", EnvVars: append(env("authfile"), "REGISTRY_AUTH_FILE"), Usage: "`FILE` with credentials, asked before docker's and podman's own"},
	}
}

// sourceOptions are what the flags say of images' sources. warn is told what
// the user should know and need not act upon.
func sourceOptions(c *cli.Context, warn func(string)) source.Options {
	return source.Options{
		UserAgent:  "banger/" + version(),
		DockerHost: c.String("docker-host"),
		PlainHTTP:  c.Bool("plain-http"),
		Keychain: &source.Credentials{
			File:   c.String("authfile"),
			Paths:  source.CredentialPaths(os.Getenv, os.Getuid()),
			Helper: exec.LookPath,
			Warn:   warn,
		},
	}
}
