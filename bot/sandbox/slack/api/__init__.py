"""The Web API of the local workspace: the methods the bot uses, with Slack's own errors."""
