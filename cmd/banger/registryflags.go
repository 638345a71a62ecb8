package main

import (
	"os"
	"os/exec"
	"strings"

	"github.com/urfave/cli/v2"

	"banger/core/source"
)

// registryFlags say how registries are spoken to.
func registryFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "authfile", EnvVars: append(env("authfile"), "REGISTRY_AUTH_FILE"), Usage: "`FILE` with credentials, asked before docker's and podman's own"},
		&cli.StringSliceFlag{Name: "plain-http", EnvVars: env("plain-http"), Usage: "speak to the registry `HOST[:PORT]` without TLS, as to one on this machine that has none; may be given again"},
		&cli.StringSliceFlag{Name: "ca-file", EnvVars: env("ca-file"), Usage: "trust the certificate authorities in the PEM `FILE`, too; may be given again"},
		&cli.StringSliceFlag{Name: "insecure-skip-verify", EnvVars: env("insecure-skip-verify"), Usage: "take any certificate from the registry `HOST[:PORT]`; may be given again"},
		&cli.StringSliceFlag{Name: "mirror", EnvVars: env("mirror"), Usage: "`HOST=URL`: ask the registry at URL before HOST, as in docker.io=https://mirror.example/prefix; may be given again"},
		&cli.BoolFlag{Name: "offline", EnvVars: env("offline"), Usage: "open no connection: take what the store has, a tag as it was last pulled"},
	}
}

// sourceOptions are what the flags say of images' sources. warn is told what
// the user should know and need not act upon.
func sourceOptions(c *cli.Context, warn func(string)) (source.Options, error) {
	o := source.Options{
		UserAgent:  "banger/" + version(),
		DockerHost: c.String("docker-host"),
		Offline:    c.Bool("offline"),
		Warn:       warn,
		Keychain: &source.Credentials{
			File:   c.String("authfile"),
			Paths:  source.CredentialPaths(os.Getenv, os.Getuid()),
			Helper: exec.LookPath,
			Warn:   warn,
		},
	}
	var err error
	if o.PlainHTTP, err = hosts(c, "plain-http"); err != nil {
		return o, err
	}
	if o.SkipVerify, err = hosts(c, "insecure-skip-verify"); err != nil {
		return o, err
	}
	for _, value := range listed(c, "mirror") {
		m, err := source.ParseMirror(value)
		if err != nil {
			return o, usagef("--mirror: %v", err)
		}
		o.Mirrors = append(o.Mirrors, m)
	}
	if files := c.StringSlice("ca-file"); len(files) > 0 {
		if o.RootCAs, err = source.RootCAs(files...); err != nil {
			return o, usagef("--ca-file: %v", err)
		}
	}
	return o, nil
}

// hosts are the registries that a flag lists. In the environment they are
// separated by commas.
func hosts(c *cli.Context, flag string) ([]string, error) {
	var list []string
	for _, value := range listed(c, flag) {
		host, err := source.ParseHost(value)
		if err != nil {
			return nil, usagef("--%s is a HOST[:PORT] such as registry.example:5000, not %q", flag, value)
		}
		list = append(list, host)
	}
	return list, nil
}

// listed are the values of a flag that holds no commas in itself.
func listed(c *cli.Context, flag string) []string {
	var values []string
	for _, value := range c.StringSlice(flag) {
		values = append(values, strings.Split(value, ",")...)
	}
	return values
}
