"""What `make dist` puts into dist/: a wheel, one file that runs, a Debian package, man pages and completions."""
