"""[slack], [approval] and [audit], and what all sections share.

Descriptions are the documentation. A check that looks at two keys sits on the later of the two, so
that it runs even where other keys are wrong, and all mistakes are reported at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    SecretStr,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
)

from bot.settings import values

Time = Annotated[timedelta, PlainValidator(values.duration)]
SomeTime = Annotated[timedelta, PlainValidator(values.duration), AfterValidator(values.not_zero)]
LongTime = Annotated[
    timedelta, PlainValidator(values.long_duration), AfterValidator(values.not_zero)
]
Where = Annotated[str, AfterValidator(values.absolute_path)]
ChannelId = Annotated[str, AfterValidator(values.slack_id("channel"))]
RequesterId = Annotated[str, AfterValidator(values.slack_id("user or usergroup", everyone=True))]
ApproverId = Annotated[str, AfterValidator(values.slack_id("user or usergroup"))]


class Section(BaseModel):
    """A table of the file: unknown keys are mistakes, nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SlackSection(Section):
    """[slack], with the tokens of the environment."""

    mode: Literal["socket", "http"] = Field(
        default="socket", description="socket: the bot calls Slack; http: Slack calls the bot"
    )
    http_host: str = Field(
        default="127.0.0.1", min_length=1, description="mode http: where to listen"
    )
    http_port: StrictInt = Field(
        default=3000, ge=0, le=65535, description="mode http: the port to listen"
    )
    api_url: Annotated[str, AfterValidator(values.api_url)] = Field(
        default="https://slack.com/api/",
        description="the Web API; SLACK_API_URL goes before this key",
    )
    channels: tuple[ChannelId, ...] = Field(
        default=(), description="ids of the channels in which commands are allowed"
    )
    requesters: tuple[RequesterId, ...] = Field(
        default=(),
        description='user and usergroup ids who may request; empty is nobody, "*" is every full '
        "member who is in the channel",
    )
    bot_token: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    signing_secret: SecretStr = SecretStr("")

    @field_validator("bot_token", "app_token", "signing_secret")
    @classmethod
    def _is_token(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        """Tell the three apart: they are easily mixed up when copied."""
        prefix = {"bot_token": "xoxb-", "app_token": "xapp-"}.get(info.field_name or "", "")
        text = value.get_secret_value()
        if not text.startswith(prefix) or not text.isprintable() or " " in text:
            begin = f"begin with {prefix} and " if prefix else ""
            raise ValueError(f"must {begin}hold no spaces")
        if not prefix and text.startswith(("xox", "xapp-")):
            raise ValueError("is a token; the signing secret stands under Basic Information")
        return value


class ApprovalSection(Section):
    """[approval]."""

    approvers: tuple[ApproverId, ...] = Field(
        default=(),
        description="user and usergroup ids who may approve; tsbot run needs at least one",
    )
    quorum: StrictInt = Field(default=1, ge=1, description="distinct approvers a restore needs")
    timeout: SomeTime = Field(
        default=timedelta(minutes=30), description="how long a request waits for its approvers"
    )
    grace: Time = Field(
        default=timedelta(seconds=15),
        description="from the quorum to the start, in which ❌ still stops it",
    )
    self_approval: StrictBool = Field(
        default=False,
        description="whether the requester's own vote counts; leave it off for four eyes",
    )

    @field_validator("quorum")
    @classmethod
    def _can_be_reached(cls, value: int, info: ValidationInfo) -> int:
        approvers = set(info.data.get("approvers", ()))
        listed_only = approvers and not any(id_.startswith("S") for id_ in approvers)
        if listed_only and value > len(approvers):
            raise ValueError(f"can never be reached: approval.approvers lists {len(approvers)}")
        return value


class AuditSection(Section):
    """[audit]."""

    path: Where = Field(
        default="/var/lib/tsbot/audit.db", description="the audit log, an SQLite file"
    )
    witness: Annotated[str, AfterValidator(values.witness)] = Field(
        default="",
        description="a second place for the log's heads: a file to append to, or an https:// "
        "address to post them to; empty is none",
    )

    @field_validator("witness")
    @classmethod
    def _is_elsewhere(cls, value: str, info: ValidationInfo) -> str:
        if value and value == info.data.get("path"):
            raise ValueError("is the audit log itself; name another place")
        return value
