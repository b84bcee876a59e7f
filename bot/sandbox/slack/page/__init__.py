"""The web page of the local workspace, to act as several people. Not Slack.

`document` is the page with its headers, `look` what one person sees, `origin` who may ask.
"""
