#!/usr/bin/python3
"""mail-server.py PORT DIRECTORY [CERTIFICATE KEY USER:PASSWORD]

A real SMTP server, aiosmtpd, that keeps what it takes: each mail becomes
DIRECTORY/mail-N.json, read by Python's own parser, with its attachments in
files beside it.  With a certificate it offers STARTTLS, and wants to know who
mails.

What it does instead of taking a mail is the text of DIRECTORY/mode, read
anew each time: "rcpt CODE" or "data CODE" refuses there, "hang" never answers,
"reset" drops the connection, "lost" takes the mail and drops it, too.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP


class Handler:
    def __init__(self, directory):
        self.directory = directory
        self.count = 0

    def mode(self):
        try:
            with open(self.directory + "/mode", encoding="utf-8") as file:
                return file.read().split() or ["ok"]
        except FileNotFoundError:
            return ["ok"]

    def note(self, what):
        with open(self.directory + "/tries", "a", encoding="utf-8") as file:
            file.write(what + "\n")

    async def handle_RCPT(self, server, session, envelope, address, options):
        mode = self.mode()
        self.note(mode[0])

        if mode[0] == "rcpt":
            return mode[1] + " not today"

        if mode[0] == "hang":
            await asyncio.sleep(3600)

        if mode[0] == "reset":
            server.transport.abort()
            return "421 gone"

        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mode = self.mode()

        if mode[0] == "data":
            return mode[1] + " not like this"

        self.keep(envelope, session)

        if mode[0] == "lost":
            server.transport.abort()
            return "421 gone"

        return "250 taken"

    def keep(self, envelope, session):
        self.count += 1
        name = f"{self.directory}/mail-{self.count}"
        message = email.message_from_bytes(envelope.content,
                                           policy=email.policy.default)
        parts = []

        for part in message.walk():
            if part.is_multipart():
                continue

            kind = part.get_content_type()
            entry = {"type": kind, "name": part.get_filename(),
                     "disposition": part.get_content_disposition()}

            if part.get_content_maintype() == "text":
                entry["text"] = part.get_content()

            if entry["name"]:
                entry["file"] = f"{name}-{entry['name']}"
                with open(entry["file"], "wb") as file:
                    file.write(part.get_payload(decode=True))

            parts.append(entry)

        data = {
            "from": envelope.mail_from, "to": envelope.rcpt_tos,
            "login": getattr(session, "auth_data", None) or None,
            "tls": session.ssl is not None,
            "headers": {key.lower(): str(value)
                        for key, value in message.items()},
            "names": [key for key, value in message.items()],
            "to_name": [a.display_name for a in message["to"].addresses],
            "to_address": [a.addr_spec for a in message["to"].addresses],
            "structure": [part.get_content_type()
                          for part in message.walk()],
            "defects": [str(d) for part in message.walk()
                        for d in part.defects],
            "parts": parts, "raw": envelope.content.decode("latin-1"),
        }

        with open(name + ".new", "w", encoding="utf-8") as file:
            json.dump(data, file)

        os.rename(name + ".new", name + ".json")


class Server(Controller):
    def __init__(self, handler, port, secrets):
        self.secrets = secrets
        super().__init__(handler, hostname="127.0.0.1", port=port)

    def factory(self):
        if not self.secrets:
            return SMTP(self.handler, hostname="mail.example")

        certificate, key, login = self.secrets
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        def check(server, session, envelope, mechanism, data):
            name = data.login.decode()
            good = f"{name}:{data.password.decode()}" == login
            return AuthResult(success=good, handled=good, auth_data=name)

        return SMTP(self.handler, hostname="mail.example",
                    tls_context=context, require_starttls=True,
                    auth_required=True, authenticator=check)


def main():
    port, directory, *secrets = sys.argv[1:]
    server = Server(Handler(directory), int(port), secrets)
    server.start()
    threading.Event().wait()


main()
