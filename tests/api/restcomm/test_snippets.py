"""The snippets that Restcomm's document shows, as they stand there but for the host and the account, over TLS."""

import asyncio
import json
import shutil
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from softphone.server import Server
from tests.api.restcomm.conftest import sid_of
from tests.api.restcomm.test_conferences import PAGE, blotted
from tests.focus.phone import bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOST = "mycompany.restcomm.com"
PATIENCE_S = 60

PYTHON = """
from http.client import HTTPSConnection
from base64 import b64encode

# Provide your Account Sid and Auth Token from your Console Account page
ACCOUNT_SID = 'my_ACCOUNT_SID'
AUTH_TOKEN = 'my_AUTH_TOKEN'

userAndPass = b64encode(bytes(ACCOUNT_SID + ':' + AUTH_TOKEN, 'utf-8')).decode("ascii")
headers = { 'Authorization' : 'Basic %s' %  userAndPass }

conn = HTTPSConnection('mycompany.restcomm.com')
conn.request("GET", '/restcomm/2012-04-24/Accounts/' + ACCOUNT_SID + '/Conferences{path}',
      headers=headers)
res = conn.getresponse()

# Add your business logic below; status can be found at 'res.status', reason at 'res.reason' and response body can be retrieved with res.read()
print(res.read().decode())
"""  # noqa: E501

# The document's takes a package that is no more kept; what it sends is the same.
NODE = """
const https = require('https');

// Provide your Account Sid and Auth Token from your Console Account page
const ACCOUNT_SID = 'my_ACCOUNT_SID';
const AUTH_TOKEN = 'my_AUTH_TOKEN';

https.request('https://mycompany.restcomm.com/restcomm/2012-04-24/Accounts/' + ACCOUNT_SID + '/Conferences{path}',
   {{ method: 'GET', auth: ACCOUNT_SID + ':' + AUTH_TOKEN, headers: {{ accept: 'application/json' }} }},
   function (response) {{
      response.on('data', (chunk) => process.stdout.write(chunk));
   }}
).end();
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server with a single conference, 202, which is over."""
    async with bridge(tmp_path_factory.mktemp("snippets")) as running:
        await running.control.end((await running.control.open("202")).id)
        yield running


async def run(*command: str, **environment: str) -> str:
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environment or None
    )
    told, _ = await asyncio.wait_for(child.communicate(), PATIENCE_S)
    assert child.returncode == 0
    return told.decode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(server: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """Where the server is reached by TLS."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = str(folder / "key.pem"), str(folder / "certificate.pem")
    await run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", key, "-out", certificate, "-days", "2", "-subj", f"/CN={HOST}"),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    plain = int(server.http_url.rpartition(":")[2])

    async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                to.write(data)
            to.write_eof() if to.can_write_eof() else to.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, there = await asyncio.open_connection("127.0.0.1", plain)
        await asyncio.gather(pump(reader, there), pump(behind, writer))
        for each in (there, writer):
            each.close()

    front = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with front:
        yield front.sockets[0].getsockname()[1]


def filled(text: str, server: Server, path: str) -> str:
    text = text.format(path=path) if "{{" in text else text.replace("{path}", path)
    return text.replace("my_ACCOUNT_SID", sid_of(server, "101")).replace("my_AUTH_TOKEN", "dev-101")


async def by_curl(server: Server, port: int, path: str, _folder: Path) -> str:
    sid = sid_of(server, "101")
    url = f"https://{HOST}/restcomm/2012-04-24/Accounts/{sid}/Conferences{path}"
    where = ("-sk", "--noproxy", "*", "--connect-to", f"{HOST}:443:127.0.0.1:{port}")
    return await run("curl", *where, "-X", "GET", url, "-u", f"{sid}:dev-101")


async def by_python(server: Server, port: int, path: str, folder: Path) -> str:
    text = filled(PYTHON, server, path)
    here = f"HTTPSConnection('127.0.0.1', {port}, context=__import__('ssl')._create_unverified_context())"
    script = folder / "snippet.py"
    script.write_text(text.replace(f"HTTPSConnection('{HOST}')", here))
    return await run(sys.executable, str(script))


async def by_node(server: Server, port: int, path: str, folder: Path) -> str:
    script = folder / "snippet.js"
    script.write_text(filled(NODE, server, path).replace(HOST, f"127.0.0.1:{port}"))
    return await run(
        shutil.which("node") or "node", str(script), NODE_TLS_REJECT_UNAUTHORIZED="0", PATH="/usr/bin:/usr/local/bin"
    )


CLIENTS: Any = [by_curl, by_python, by_node]


@pytest.mark.parametrize("client", CLIENTS, ids=["curl", "http.client", "node"])
async def test_the_snippets_of_the_document(server: Server, port: int, tmp_path: Path, client: Any) -> None:
    program = {by_curl: "curl", by_node: "node"}.get(client, "")
    if program and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    for query, limit in (("?PageSize=1", "10000"), ("?PageSize=1&Limit=500", "500")):
        told = await client(server, port, f".json{query}", tmp_path)
        assert blotted(told.strip()) == blotted(PAGE.replace("LIMIT", limit).replace("1111", "202"))
    page = json.loads(told)["conferences"]
    alone = json.loads(await client(server, port, f"/{page[0]['sid']}.json", tmp_path))
    assert alone == page[0]
