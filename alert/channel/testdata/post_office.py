"""A mail server (aiosmtpd) at three ports: with STARTTLS, with TLS from the start, and with neither. It prints each mail as a line of JSON."""
import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

certificate, key, password = sys.argv[1:]


class Printer:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 there is no " + address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "text": envelope.content.decode(), "utf8": envelope.smtp_utf8,
            "encrypted": session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
            "user": session.auth_data.decode() if session.auth_data else "",
        }), flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    if data.password.decode() != password:
        return AuthResult(success=False, handled=False)
    return AuthResult(success=True, auth_data=data.login)


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()

    def speak(**how):
        return lambda: SMTP(Printer(), authenticator=authenticate, loop=loop, enable_SMTPUTF8=True, **how)

    await loop.create_server(speak(tls_context=tls, require_starttls=True, auth_required=True), "127.0.0.1", 2587)
    # Which knows not that it is encrypted already.
    await loop.create_server(speak(auth_required=True, auth_require_tls=False), "127.0.0.1", 2465, ssl=tls)
    await loop.create_server(speak(auth_require_tls=False, auth_exclude_mechanism=["PLAIN"]), "127.0.0.1", 2525)
    print("{}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
