"""The subcommands of `tsbot`, each with its own arguments."""
