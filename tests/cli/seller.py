"""A seller on this machine for the command-line tests: answers by the path that is asked for.

usage: seller.py PORTFILE LOGFILE
Every request is one JSON line of LOGFILE. Paths under /rpc/ID are a node of chain ID.
Whether its answers say that an authorization was used or is over is told by POST /chain.
"""
import base64
import json
import socketserver
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

PAYEE = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
TX = "0x" + "ab" * 32
lock = threading.Lock()
chain = {"used": False, "ahead": 0}


def b64(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def offer(q, version):
    """The one entry of accepts, with whatever the query changes."""
    entry = {
        "scheme": q.get("scheme", "exact"),
        "network": q.get("network", "eip155:84532" if version == 2 else "base-sepolia"),
        "amount" if version == 2 else "maxAmountRequired": q.get("amount", "10000"),
        "asset": q.get("asset", USDC),
        "payTo": q.get("payTo", PAYEE),
        "maxTimeoutSeconds": int(q.get("window", "300")),
        "extra": {"name": q.get("name", "USDC"), "version": "2"},
    }
    if "flow" in q:
        entry["extra"]["paymentFlow"] = q["flow"]
    if version == 1:
        entry["resource"] = "http://%s/x" % q.get("host", "127.0.0.1")
        entry["description"] = "a thing"
    return entry


class Seller(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        q = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.taken = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        paid = self.headers.get("PAYMENT-SIGNATURE") or self.headers.get("X-PAYMENT")
        if not url.path.startswith(("/rpc/", "/chain")):
            with lock, open(sys.argv[2], "a") as log:
                log.write(json.dumps({
                    "method": self.command, "path": self.path, "paid": paid is not None,
                    "v2": self.headers.get("PAYMENT-SIGNATURE"), "v1": self.headers.get("X-PAYMENT"),
                    "headers": {k.lower(): v for k, v in self.headers.items()},
                    "body": base64.b64encode(self.taken).decode()}) + "\n")
        name = url.path.strip("/").split("/")[0]
        getattr(self, "at_" + name, self.at_missing)(q, paid)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # ---- plain answers

    def at_free(self, q, paid):
        self.answer(200, b"for nothing\n")

    def at_binary(self, q, paid):
        self.answer(200, bytes(range(256)))

    def at_missing(self, q, paid):
        self.answer(404, b"no such thing\n")

    def at_broken(self, q, paid):
        self.answer(500, b"it broke\n")

    def at_redirect(self, q, paid):
        self.answer(302, b"over there\n", [("Location", "/free")])

    def at_slow(self, q, paid):
        time.sleep(30)

    def at_elsewhere(self, q, paid):
        self.answer(402, b"pay by letter\n", [("WWW-Authenticate", "Pigeon realm=x")])

    # ---- for money

    def challenge(self, q, error=None, entry=None):
        version = int(q.get("x402", "2"))
        text = {"x402Version": version, "error": error or "payment required",
                "accepts": [entry or offer(q, 1 if version == 1 else 2)]}
        if version != 1:
            text["resource"] = {"url": "http://%s/x" % q.get("host", "127.0.0.1")}
            return self.answer(402, b"pay\n", [("PAYMENT-REQUIRED", b64(text))])
        return self.answer(402, json.dumps(text).encode(), [("Content-Type", "application/json")])

    def receipt(self, q):
        name = "X-PAYMENT-RESPONSE" if q.get("x402") == "1" else "PAYMENT-RESPONSE"
        return name, b64({"success": True, "transaction": TX, "network": "eip155:84532",
                          "payer": "0x90F79bf6EB2c4f870365E785982E1f101E93b906"})

    def at_sold(self, q, paid):
        if not paid:
            return self.challenge(q)
        return self.answer(int(q.get("status", "200")), b"the goods\n", [self.receipt(q)])

    def at_goods(self, q, paid):
        """Binary goods."""
        return self.answer(200, b"\xff\x00\x01", [self.receipt(q)]) if paid else self.challenge(q)

    def at_noreceipt(self, q, paid):
        if not paid:
            return self.challenge(q)
        return self.answer(int(q.get("status", "200")), b"the goods\n")

    def at_drop(self, q, paid):
        """Takes the payment and hangs up."""
        if not paid:
            return self.challenge(q)
        self.close_connection = True
        self.connection.close()

    def at_hang(self, q, paid):
        if not paid:
            return self.challenge(q)
        time.sleep(30)

    def at_no(self, q, paid):
        return self.challenge(q, q.get("error", "insufficient_funds") if paid else None)

    def at_garbled(self, q, paid):
        self.answer(402, b"pay\n", [("PAYMENT-REQUIRED", "!!!")])

    # ---- a remote signer

    def at_signer(self, q, paid):
        if self.headers.get("Authorization") != "Bearer letmein":
            return self.answer(401, b'{"error": "no token"}')
        return self.answer(200, json.dumps({"keys": [PAYEE]}).encode())

    # ---- the chain

    def at_chain(self, q, paid):
        chain.update(json.loads(self.taken))
        self.answer(204)

    def at_rpc(self, q, paid):
        ask = json.loads(self.taken)
        result = self.node(ask["method"], ask["params"])
        self.answer(200, json.dumps({"jsonrpc": "2.0", "id": ask["id"], "result": result}).encode(),
                    [("Content-Type", "application/json")])

    def node(self, method, params):
        if method == "eth_chainId":
            return hex(int(self.path.rstrip("/").rsplit("/", 1)[1]))
        if method == "eth_getBlockByNumber":
            at = 0x100000 if not params[0].startswith("0x") else int(params[0], 16)
            when = int(time.time()) + chain["ahead"] - (0x100000 - at) * 2
            return {"number": hex(at), "timestamp": hex(when), "hash": "0x%064x" % at,
                    "parentHash": "0x%064x" % (at - 1), "baseFeePerGas": "0x1"}
        if method == "eth_call" and params[0]["data"].startswith("0x70a08231"):
            return "0x%064x" % 1234567
        if method == "eth_call":
            return "0x%064x" % chain["used"]
        return []


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


server = Server(("0.0.0.0" if len(sys.argv) > 3 else "127.0.0.1", 0), Seller)
with open(sys.argv[1], "w") as f:
    f.write(str(server.server_address[1]))
server.serve_forever()
