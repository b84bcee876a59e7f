"""Slack listeners: parse, authorise, call the core, answer."""
