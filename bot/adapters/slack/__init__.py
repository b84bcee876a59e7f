"""Slack: what messages look like, how they are sent, and how gates and people are read."""
