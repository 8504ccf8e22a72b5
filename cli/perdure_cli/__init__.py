"""perdure_cli: the `perdure` command, the only part of Perdure that prints.

`main` runs it, `output` holds every rule of output, `exit_codes` what a caller's shell sees. Each command is a module in
`commands`, loaded when it is called: `perdure verify` must start fast, and must work where only the base dependencies are.
"""
