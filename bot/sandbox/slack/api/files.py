"""The three steps of an upload: address, content (see server), completion."""

from __future__ import annotations

import uuid

from bot.sandbox.slack.api.arguments import ApiError, Call, invalid
from bot.sandbox.slack.api.dispatch import method
from bot.sandbox.slack.people import Json
from bot.sandbox.slack.posting import post_as_app
from bot.sandbox.slack.records import Upload


@method("files.getUploadURLExternal", "files:write")
def get_upload_url(call: Call) -> Json:
    """Hand out an address to send a file's content to."""
    length = call.text("length")
    if not length.isdecimal() or int(length) == 0:
        raise invalid("must be a positive integer [json-pointer:/length]")
    upload = Upload(f"F{uuid.uuid4().hex[:10].upper()}", call.text("filename"), int(length))
    call.workspace.uploads[upload.id] = upload
    address = f"{call.workspace.base_url}/upload/{upload.id}"
    return {"upload_url": address, "file_id": upload.id}


@method("files.completeUploadExternal", "files:write")
def complete_upload(call: Call) -> Json:
    """Share uploaded files in a channel, as one message of the app."""
    wanted = call.parsed("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise invalid("missing required field: files")
    files = [_finished(call, item) for item in wanted]
    channel_id = call.text("channel_id", "") or call.text("channels", "")
    if channel_id:
        call.args["channel"] = channel_id
        channel = call.joined_channel()
        text, thread_ts = call.text("initial_comment", ""), call.text("thread_ts", "") or None
        post_as_app(call.workspace, call.token, channel, text, [], thread_ts=thread_ts, files=files)
        for item in files:
            call.workspace.uploads[item["id"]].shared_in.append(channel.id)
    return {"files": files}


def _finished(call: Call, item: Json) -> Json:
    upload = call.workspace.uploads.get(str(item.get("id")))
    if upload is None or len(upload.content) != upload.length:
        raise ApiError("file_not_found")
    title = item.get("title") or upload.name
    return {"id": upload.id, "name": upload.name, "title": title, "size": upload.length}
