"""The audit database: one SQLite file, an append-only log and three mutable tables."""

from __future__ import annotations

from bot.adapters.audit_log.store import AuditStore

__all__ = ["AuditStore"]
