"""tsbot: Slack chat-ops for TimescaleDB in Docker."""
