"""The commands of `perdure`, a module each; `perdure_cli.main` names them and loads one when it is called."""
