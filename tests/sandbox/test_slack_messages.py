"""chat.*, conversations.* and files.* through the real WebClient."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient

from bot.sandbox.slack import Person, SlackServer, Workspace
from tests.sandbox.conftest import refused

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "one"}}


def test_a_posted_message_stands_in_the_history(client: WebClient, ops: str) -> None:
    ts = client.chat_postMessage(channel=ops, text="hello")["ts"]
    history = client.conversations_history(channel=ops)["messages"]
    assert [(m["ts"], m["text"]) for m in history] == [(ts, "hello")]


def test_a_message_can_be_posted_by_the_channels_name_and_to_a_person(
    client: WebClient, ana: Person, ops: str
) -> None:
    assert client.chat_postMessage(channel="#ops", text="hello")["channel"] == ops
    assert client.chat_postMessage(channel=ana.id, text="psst")["channel"].startswith("D")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "elsewhere", "text": "x"}, "not_in_channel"),
        ({"channel": "hidden", "text": "x"}, "channel_not_found"),
        ({"channel": "ops"}, "no_text"),
        ({"channel": "ops", "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": "ops", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": "ops", "blocks": "no json"}, "invalid_blocks_format"),
        ({"text": "x"}, "invalid_arguments"),
    ],
)
def test_a_post_that_slack_would_refuse_is_refused(
    client: WebClient, workspace: Workspace, arguments: dict[str, str], code: str
) -> None:
    workspace.add_channel("elsewhere", with_bot=False)
    workspace.add_channel("hidden", with_bot=False, is_private=True)
    with refused(code):
        client.api_call("chat.postMessage", data=arguments)
    assert workspace.messages("ops") == []


def test_an_archived_channel_takes_no_message(client: WebClient, workspace: Workspace) -> None:
    workspace.channel("ops").is_archived = True
    with refused("is_archived"):
        client.chat_postMessage(channel="ops", text="hello")


def test_what_is_read_back_is_marked_up_as_slack_stores_it(client: WebClient, ops: str) -> None:
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "✅ <@U1> & more"}}
    client.chat_postMessage(channel=ops, text="a & b < c ✅ https://x.test/y.", blocks=[section])
    message = client.conversations_history(channel=ops)["messages"][0]
    assert message["text"] == "a &amp; b &lt; c :white_check_mark: <https://x.test/y>."
    assert message["blocks"][0]["text"] == {
        "type": "mrkdwn",
        "text": ":white_check_mark: <@U1> &amp; more",
        "verbatim": False,
    }
    assert message["blocks"][0]["block_id"]


def test_an_update_keeps_the_old_look_in_the_message_s_history(
    client: WebClient, workspace: Workspace, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="one", blocks=[SECTION])["ts"]
    client.chat_update(channel=ops, ts=ts, text="two")
    message = workspace.message(ops, ts)
    assert [version.text for version in message.versions] == ["one", "two"]
    assert message.edits == 1
    assert message.blocks == []
    assert message.edited is not None


def test_only_its_author_may_change_or_delete_a_message(
    client: WebClient, server: SlackServer, ana: Person, ops: str
) -> None:
    server.workspace.add_user("other", is_bot=True)
    server.workspace.channel("ops").members.append("U0OTHER")
    server.workspace.add_token("xoxb-other", {"chat:write"}, user="other")
    other = WebClient(base_url=server.api_url, token="xoxb-other")
    ts = other.chat_postMessage(channel=ops, text="theirs")["ts"]
    for foreign in (ts, ana.post("mine", "ops").ts):
        with refused("cant_update_message"):
            client.chat_update(channel=ops, ts=foreign, text="ours")
        with refused("cant_delete_message"):
            client.chat_delete(channel=ops, ts=foreign)


def test_a_message_that_is_not_there_cannot_be_changed(client: WebClient, ops: str) -> None:
    with refused("message_not_found"):
        client.chat_update(channel=ops, ts="1.000001", text="x")


def test_an_update_takes_4000_characters_and_no_more(client: WebClient, ops: str) -> None:
    ts = client.chat_postMessage(channel=ops, text="one")["ts"]
    client.chat_update(channel=ops, ts=ts, text="x" * 4_000)
    with refused("msg_too_long"):
        client.chat_update(channel=ops, ts=ts, text="x" * 4_001)


def test_a_deleted_message_is_gone(client: WebClient, workspace: Workspace, ops: str) -> None:
    ts = client.chat_postMessage(channel=ops, text="one")["ts"]
    client.chat_delete(channel=ops, ts=ts)
    assert workspace.messages("ops") == []


def test_an_ephemeral_message_is_seen_by_one_person_and_by_no_api(
    client: WebClient, workspace: Workspace, ana: Person, ops: str
) -> None:
    client.chat_postEphemeral(channel=ops, user=ana.id, text="only you")
    assert [e.text for e in ana.ephemerals("ops")] == ["only you"]
    assert Person(workspace, "ben").ephemerals("ops") == []
    assert client.conversations_history(channel=ops)["messages"] == []


def test_an_ephemeral_needs_its_reader_in_the_channel(client: WebClient, ana: Person) -> None:
    ana.workspace.channel("ops").members.remove(ana.id)
    with refused("user_not_in_channel"):
        client.chat_postEphemeral(channel="ops", user=ana.id, text="x")
    with refused("user_not_found"):
        client.chat_postEphemeral(channel="ops", user="U0NOBODY", text="x")


def test_replies_stand_in_the_thread_and_not_in_the_history(client: WebClient, ops: str) -> None:
    parent = client.chat_postMessage(channel=ops, text="parent")["ts"]
    client.chat_postMessage(channel=ops, text="reply", thread_ts=parent)
    history = client.conversations_history(channel=ops)["messages"]
    assert [(m["text"], m["reply_count"]) for m in history] == [("parent", 1)]
    replies = client.conversations_replies(channel=ops, ts=parent)["messages"]
    assert [m["text"] for m in replies] == ["parent", "reply"]
    with refused("thread_not_found"):
        client.conversations_replies(channel=ops, ts="1.000001")


def test_one_message_is_read_back_by_its_timestamp(client: WebClient, ops: str) -> None:
    stamps = [client.chat_postMessage(channel=ops, text=str(n))["ts"] for n in range(3)]
    read = client.conversations_history(channel=ops, latest=stamps[1], inclusive=True, limit=1)
    assert [m["text"] for m in read["messages"]] == ["1"]
    after = client.conversations_history(channel=ops, oldest=stamps[0])
    assert [m["text"] for m in after["messages"]] == ["2", "1"]


def test_lists_come_in_pages(client: WebClient, workspace: Workspace, ops: str) -> None:
    first = client.conversations_members(channel=ops, limit=3)
    cursor = first["response_metadata"]["next_cursor"]
    second = client.conversations_members(channel=ops, limit=3, cursor=cursor)
    assert first["members"] + second["members"] == workspace.channel("ops").members
    assert second["response_metadata"]["next_cursor"] == ""
    with refused("invalid_cursor"):
        client.conversations_members(channel=ops, cursor="elsewhere")
    with refused("invalid_limit"):
        client.conversations_members(channel=ops, limit=-1)


def test_a_channel_says_whether_the_bot_is_in_it(client: WebClient, workspace: Workspace) -> None:
    workspace.add_channel("elsewhere", with_bot=False)
    answers = {
        name: client.conversations_info(channel=workspace.channel(name).id)["channel"]["is_member"]
        for name in ("ops", "elsewhere")
    }
    assert answers == {"ops": True, "elsewhere": False}


def test_a_reply_s_permalink_names_its_thread(client: WebClient, ops: str) -> None:
    parent = client.chat_postMessage(channel=ops, text="parent")["ts"]
    reply = client.chat_postMessage(channel=ops, text="reply", thread_ts=parent)["ts"]
    link = client.chat_getPermalink(channel=ops, message_ts=reply)["permalink"]
    assert link.endswith(f"/p{reply.replace('.', '')}?thread_ts={parent}&cid={ops}")


def test_a_file_is_uploaded_and_shared(client: WebClient, workspace: Workspace, ops: str) -> None:
    client.files_upload_v2(channel=ops, filename="log.txt", content="a\nb", initial_comment="log")
    (message,) = workspace.messages("ops")
    assert message.text == "log"
    assert message.files[0]["name"] == "log.txt"
    assert workspace.uploads[message.files[0]["id"]].content == b"a\nb"


def test_a_file_that_was_never_sent_cannot_be_shared(client: WebClient, ops: str) -> None:
    slot = client.files_getUploadURLExternal(filename="log.txt", length=3)
    with refused("file_not_found"):
        client.files_completeUploadExternal(files=[{"id": slot["file_id"]}], channel_id=ops)


def test_tampering_changes_the_text_without_an_edit_mark(
    client: WebClient, workspace: Workspace, ops: str
) -> None:
    ts = client.chat_postMessage(channel=ops, text="restore a.dump")["ts"]
    workspace.tamper("ops", ts, "restore b.dump")
    message = client.conversations_history(channel=ops)["messages"][0]
    assert message["text"] == "restore b.dump"
    assert "edited" not in message
