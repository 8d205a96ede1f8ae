"""A small market on this machine for the command-line tests: both APIs of 8004scan, registration documents, workers, a
registry behind JSON-RPC and a facilitator's catalogue, in the shapes that the real ones were seen to answer.

usage: scan_service.py PORTFILE LOGFILE
Every request but /control is one JSON line of LOGFILE. POST /control merges its JSON object into STATE:
  faults   {"public": NAME, "backend": NAME, "chain": NAME, "bazaar": NAME}; see fault()
  reset    seconds from now that a 429 tells
  agents   which agents there are; workers: how each of them answers, by name; pay_to: of the worker alpha
"""
import base64
import datetime
import json
import socketserver
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler

USDC = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
USDC_MAIN = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
REGISTRY_TEST = "0x8004a818bfb912233c491871b3d84c89a494bd9e"
REGISTRY_MAIN = "0x8004a169fb4a3325136eb29fa0ceb6d2e539a432"
REGISTERED = "0xca52e62c367d81bb2e328eb795f7c7ba24afb478408a26c0e201d155c449bc4a"
OWNER = "0x90f79bf6eb2c4f870365e785982e1f101e93b906"
PAYEE = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"
SKILL = "machine_learning/model_optimization"
TYPE = "https://eips.ethereum.org/EIPS/eip-8004#registration-v1"
TOP = 0x100000  # the newest block of every chain
HOSTILE = "\x1b[31mRED\x1b]0;title\x07\u202etxt.exe\u202c\u200b\u2066\u00ad" + "\uff37" * 60 + "\x9b2J\r\n<b>"
MANY = 10000

lock = threading.Lock()
STATE = {
    "faults": {}, "reset": 34, "counter": 0, "pay_to": PAYEE,
    "agents": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    "workers": {"alpha": "v2", "beta": "v1", "gamma": "free", "delta": "busy", "epsilon": "dead", "kappa": "v2"},
}
# Token id: chain, name, where its document lies, its worker, what it claims.
AGENTS = {
    1: (84532, "GPU Worker Alpha", "url", "alpha", "0.9973"),
    2: (84532, "Beta Trainer", "data", "beta", "1.0123"),
    3: (84532, "Gamma Free", "url", "gamma", None),
    4: (84532, "Delta Busy", "url", "delta", "NaN"),
    5: (8453, "Epsilon Gone", "url", "epsilon", "-1"),
    6: (8453, "Zeta Cook", "url", None, None),
    7: (84532, "Eta Broken", "broken", None, None),
    8: (84532, "Theta Elsewhere", "redirect", None, None),
    9: (84532, "Iota Heavy", "heavy", None, None),
    10: (84532, HOSTILE, "url", "kappa", "\x1b[2Jnone"),
}


def registry(chain):
    return REGISTRY_MAIN if chain == 8453 else REGISTRY_TEST


def stamp(ago_s=0, fine=False):
    t = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago_s)
    return t.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if fine else "%Y-%m-%dT%H:%M:%SZ")


def data_uri(doc, pad=0):
    text = json.dumps(doc) + " " * pad
    return "data:application/json;base64," + base64.b64encode(text.encode()).decode()


def document(n, at):
    """Alpha's as the coordination protocol has it, Gamma's of the first generation."""
    chain, name, _, worker, claim = AGENTS[n]
    skill = "cooking/soups" if n == 6 else SKILL
    doc = {"type": TYPE, "name": name, "description": "runs train.py for " + name, "active": True,
           "registrations": [{"agentId": n, "agentRegistry": "eip155:%d:%s" % (chain, registry(chain))}]}
    web = {"name": "web", "endpoint": "%s/w/%s/services/autoresearch-worker" % (at, worker or "none"),
           "version": "1.0.0"}
    if n == 3:
        doc.update({"endpoints": [dict(web, name="Web")], "oasf": [skill], "x402support": False})
    else:
        doc.update({"services": [web, {"name": "OASF", "version": "0.8", "skills": [skill],
                                       "domains": ["technology/artificial_intelligence/research"]}],
                    "x402Support": True})
    if claim:
        doc["metadata"] = {"gpu": "A100-80GB" if n == 1 else name, "framework": "pytorch", "best_val_bpb": claim,
                           "total_experiments": "42", "updated": stamp(7200)}
    return doc


def uri(n, at, pad=5 << 20):
    kind = AGENTS[n][2]
    if kind == "data":
        return data_uri(document(n, at))
    if kind == "heavy":
        return data_uri(document(n, at), pad)
    return "%s/docs/%d.json" % (at, n)


def summary(n):
    """A list row: thirty keys, no document."""
    chain, name, _, _, _ = AGENTS[n]
    return {
        "id": "00000000-0000-4000-8000-%012d" % n, "agent_id": "%d:%s:%d" % (chain, registry(chain), n),
        "token_id": str(n), "chain_id": chain, "chain_type": "evm", "contract_address": registry(chain),
        "is_testnet": chain == 84532, "owner_id": "u%d" % n, "owner_address": OWNER, "owner_ens": None,
        "owner_username": None, "owner_avatar_url": None, "owner_publisher_tier": "unverified",
        "owner_certified_name": None, "name": name, "description": None, "image_url": None,
        "is_verified": False, "star_count": 0, "supported_protocols": ["Web", "OASF"],
        "x402_supported": True, "total_score": 12.5 + n, "rank": None, "network_rank": None,
        "health_score": None, "total_feedbacks": n, "average_score": 0.0, "cross_chain_versions": None,
        "created_at": stamp(86400), "updated_at": stamp(3600, True)}


def detail(n, at):
    row = summary(n)
    row.update({
        "creator_address": OWNER, "agent_wallet": OWNER, "agent_type": None, "tags": [], "categories": [],
        "is_active": True, "watch_count": 0, "supported_trust_models": [], "agent_url": uri(n, at)[:256],
        "services": {"web": {"endpoint": at + "/w/x", "version": "1"}, "ens": "x.eth"},
        "scores": {"quality": 1.0, "last_scored_at": stamp(5 * 86400)},
        "parse_status": {"status": "success", "errors": [], "warnings": [], "info": [],
                         "last_parsed_at": stamp(64 * 86400)},
        "raw_metadata": {"onchain": [], "offchain_uri": uri(n, at),
                         "offchain_content": document(n, at) if AGENTS[n][2] in ("url", "data") else None}})
    return row


def clone_row(i, at):
    """As the self-hosted index answers: the document lies in the row."""
    skill = SKILL if i % 10 == 0 else "cooking/soups"
    doc = {"type": TYPE, "name": "Agent %d" % i, "active": True, "x402Support": True, "services": [
        {"name": "web", "endpoint": "%s/w/m%d/services/gpu" % (at, i)},
        {"name": "OASF", "version": "0.8", "skills": [skill], "domains": []}]}
    return {"agent_id": "84532:%s:%d" % (REGISTRY_TEST, 1000 + i), "token_id": str(1000 + i), "chain_id": 84532,
            "contract_address": REGISTRY_TEST, "name": "Agent %d" % i, "x402_supported": True,
            "total_score": None, "raw_metadata": {"offchain_content": doc}}


WRONG_TYPES = [
    None, 7, "row", [], {}, {"agent_id": 5}, {"agent_id": "84532:0xabc:x", "token_id": {}, "chain_id": []},
    {"agent_id": "84532:%s:-1" % REGISTRY_TEST, "token_id": "-1", "chain_id": 84532},
    {"agent_id": "84532:%s:1e9" % REGISTRY_TEST, "token_id": 1.5, "chain_id": 84532},
]


def word(v):
    return "%064x" % v


def abi_string(s):
    raw = s.encode()
    return word(len(raw)) + raw.hex().ljust((len(raw) + 31) // 32 * 64, "0")


def offer(version, amount, pay_to, chain=84532):
    entry = {"scheme": "exact", "asset": USDC if chain == 84532 else USDC_MAIN, "payTo": pay_to,
             "maxTimeoutSeconds": 600, "extra": {"name": "USDC", "version": "2"}}
    if version == 2:
        return dict(entry, network="eip155:%d" % chain, amount=amount)
    return dict(entry, network="base-sepolia", maxAmountRequired=amount, resource="http://x/", description="a run")


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        self.q = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.taken = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.at = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.parts = [urllib.parse.unquote(p) for p in url.path.strip("/").split("/")]
        if url.path != "/control":
            with lock, open(sys.argv[2], "a") as log:
                log.write(json.dumps({
                    "method": self.command, "path": url.path, "q": self.q, "t": time.time(),
                    "paid": bool(self.headers.get("PAYMENT-SIGNATURE") or self.headers.get("X-PAYMENT")),
                    "agent": self.headers.get("User-Agent"), "key": self.headers.get("X-API-Key"),
                    "auth": self.headers.get("Authorization")}) + "\n")
        getattr(self, "at_" + self.parts[0].replace("-", "_").replace(".", ""), self.missing)()

    do_GET = do_POST = handle_any

    def answer(self, status, body=b"", headers=(), cut=False):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def json(self, value, status=200, headers=(), **more):
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.answer(status, text, [("Content-Type", "application/json"), *headers], **more)

    def missing(self):
        self.json({"detail": "not found"}, 404)

    def at_control(self):
        with lock:
            for k, v in json.loads(self.taken).items():
                if isinstance(v, dict):
                    STATE.setdefault(k, {}).update(v)
                else:
                    STATE[k] = v
        self.answer(204)

    # ---- what goes wrong

    def fault(self, who):
        """True when the answer is given already. The others change what a list holds: see rows()."""
        name = STATE["faults"].get(who)
        until = time.time() + STATE["reset"]
        refused = {"success": False, "error": {"code": "RateLimitExceeded", "message": "Too many requests"}}
        if name == "429-iso":
            reset = datetime.datetime.fromtimestamp(until, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.json(refused, 429, [("X-RateLimit-Limit", "10"), ("X-RateLimit-Remaining", "0"),
                                     ("X-RateLimit-Reset", reset)])
        elif name == "429-epoch":
            self.json(refused, 429, [("X-RateLimit-Reset", str(int(until)))])
        elif name == "429-retry":
            self.json({"detail": "Rate limit exceeded", "retry_after": STATE["reset"], "limit_type": "day"}, 429,
                      [("Retry-After", str(STATE["reset"]))])
        elif name == "500" or (name == "500-half" and self.turn() % 2):
            self.json({"success": False, "error": {"code": "DATABASE_ERROR", "message": "\x1b[31mno\x1b[0m"}}, 500)
        elif name == "stall":
            time.sleep(60)
        elif name == "html":
            self.answer(200, b"<html>\x1b[31mcloud</html>", [("Content-Type", "text/html")])
        elif name == "redirect":
            self.answer(302, b"", [("Location", "http://169.254.169.254/latest/meta-data/")])
        else:
            return False
        return True

    @staticmethod
    def turn():
        with lock:
            STATE["counter"] += 1
            return STATE["counter"]

    def send_list(self, who, value):
        name, text = STATE["faults"].get(who), json.dumps(value).encode()
        if name == "truncated":
            self.json(text[:len(text) * 2 // 3])
        elif name == "cut":
            self.json(text, cut=True)
        elif name == "oversized":
            self.json(text[:-1] + b', "pad": "' + b"x" * (12 << 20) + b'"}')
        else:
            self.json(text)

    def rows(self, who, chain):
        name = STATE["faults"].get(who)
        if name == "many":
            return [("m", i) for i in range(MANY)]
        ids = [n for n in STATE["agents"] if name == "unfiltered" or not chain or AGENTS[n][0] == int(chain)]
        return [("a", n) for n in ids] * (3 if name == "duplicates" else 1) + \
            ([("x", w) for w in WRONG_TYPES] if name == "types" else [])

    def build(self, row):
        kind, what = row
        return clone_row(what, self.at) if kind == "m" else summary(what) if kind == "a" else what

    # ---- 8004scan's public API: pages from 1, camelCase

    def at_api(self):
        if self.parts[:4] != ["api", "v1", "public", "agents"]:
            return self.missing()
        if self.fault("public"):
            return None
        meta = {"version": "1.0.0", "timestamp": stamp(0, True), "requestId": "r%d" % self.turn()}
        if len(self.parts) == 6:
            n = int(self.parts[5]) if self.parts[5].isdigit() else 0
            if n not in STATE["agents"] or str(AGENTS[n][0]) != self.parts[4]:
                return self.json({"success": False, "error": {"code": "NOT_FOUND", "message": "no agent"}}, 404)
            return self.json({"success": True, "data": detail(n, self.at), "meta": meta})
        rows = self.rows("public", self.q.get("chainId"))
        limit, page = int(self.q.get("limit", "20")), int(self.q.get("page", "1"))
        part = rows[(page - 1) * limit:page * limit]
        meta["pagination"] = {"page": page, "limit": limit, "total": len(rows), "hasMore": page * limit < len(rows)}
        return self.send_list("public", {"success": True, "data": [self.build(r) for r in part], "meta": meta})

    # ---- 8004scan's backend API: offsets, snake_case

    def at_backend(self):
        if self.parts[:2] != ["backend", "agents"]:
            return self.missing()
        if self.fault("backend"):
            return None
        if len(self.parts) == 4:
            n = int(self.parts[3]) if self.parts[3].isdigit() else 0
            if n not in STATE["agents"]:
                return self.json({"detail": "Agent not found on chain " + self.parts[2]}, 404)
            return self.json(detail(n, self.at))
        rows = self.rows("backend", self.q.get("chain_id"))
        limit, offset = int(self.q.get("limit", "20")), int(self.q.get("offset", "0"))
        return self.send_list("backend", {"items": [self.build(r) for r in rows[offset:offset + limit]],
                                          "total": len(rows), "limit": limit, "offset": offset})

    # ---- registration documents

    def at_docs(self):
        n = int(self.parts[1].split(".")[0])
        kind = AGENTS[n][2]
        if kind == "broken":
            return self.json(b'{"type": "x", "name": "Eta \x1b[31m')
        if kind == "redirect":
            return self.answer(302, b"", [("Location", "http://169.254.169.254/latest/meta-data/")])
        return self.json(document(n, self.at))

    def at_well_known(self):
        """One host, many agents: the whole file of the first, naming all of them."""
        doc = document(1, self.at)
        doc["registrations"] = [{"agentId": n, "agentRegistry": "eip155:%d:%s" % (AGENTS[n][0], registry(AGENTS[n][0]))}
                                for n in (1, 2, 3)]
        self.json(doc)

    # ---- workers

    def at_w(self):
        name, route = self.parts[1], self.parts[-1]
        how = STATE["workers"].get(name, "v2" if name[0] == "m" else "dead")
        pay_to = STATE["pay_to"] if name == "alpha" else PAYEE
        if how == "dead":
            return self.missing()
        if how == "stall":
            return time.sleep(60)
        if route in ("health", "healthz") and self.command == "GET":
            return self.json({"status": "ok", "busy": how == "busy", "timeoutSeconds": 300, "gpu": "H100 \x1b[7m80GB"})
        if route != "experiment" or self.command != "POST":
            return self.missing()
        if how == "free":
            return self.json({"status": "ok", "probe": True, "busy": False, "timeoutSeconds": 300})
        if how == "busy":
            return self.json({"error": "worker is already running an experiment", "status": "busy"}, 409)
        if how == "odd":
            return self.json({"x402Version": 2, "accepts": [
                dict(offer(2, "50000", pay_to), extra={"name": "Fake", "version": "9"})]}, 402)
        if how == "v1":
            return self.json({"x402Version": 1, "error": "payment required", "accepts": [offer(1, "10000", pay_to)]}, 402)
        text = {"x402Version": 2, "error": "payment required", "resource": {"url": self.at + self.path},
                "accepts": [offer(2, "50000", pay_to)]}
        return self.json({}, 402, [("PAYMENT-REQUIRED", base64.b64encode(json.dumps(text).encode()).decode())])

    # ---- a facilitator's catalogue

    def at_bazaar(self):
        if self.parts[1:] != ["discovery", "resources"]:
            return self.missing()
        if self.fault("bazaar"):
            return None
        items = [
            {"resource": self.at + "/w/m900/services/autoresearch-worker/experiment", "type": "http", "x402Version": 2,
             "accepts": [dict(offer(2, "50000", PAYEE), description="experiments", outputSchema=None)],
             "lastUpdated": stamp(600), "serviceName": "Bazaar GPU", "metadata": {"skills": [SKILL]}},
            {"resource": self.at + "/weather", "type": "http", "x402Version": 1, "accepts": [offer(1, "1000", PAYEE)],
             "lastUpdated": 1790000000, "metadata": {}},
            None, {"resource": 7}, {"resource": "javascript:alert(1)", "type": "http", "accepts": []},
        ]
        limit, offset = int(self.q.get("limit", "20")), int(self.q.get("offset", "0"))
        return self.json({"x402Version": 2, "items": items[offset:offset + limit],
                          "pagination": {"limit": limit, "offset": offset, "total": len(items)}})

    # ---- a registry behind JSON-RPC

    def at_rpc(self):
        if self.fault("chain"):
            return None
        ask = json.loads(self.taken)
        result, error = self.node(ask["method"], ask["params"])
        part = {"error": error} if error else {"result": result}
        return self.json(dict({"jsonrpc": "2.0", "id": ask["id"]}, **part))

    def node(self, method, params):
        chain = int(self.parts[1])
        mine = [n for n in STATE["agents"] if AGENTS[n][0] == chain and n in (1, 2, 3, 4, 9)]
        if method == "eth_chainId":
            return hex(chain), None
        if method == "eth_blockNumber":
            return hex(TOP), None
        if method == "eth_getBlockByNumber":
            at = int(params[0], 16) if params[0].startswith("0x") else TOP
            return {"number": hex(at), "timestamp": hex(int(time.time()) - (TOP - at) * 2), "hash": "0x" + word(at),
                    "parentHash": "0x" + word(at - 1), "baseFeePerGas": "0x1"}, None
        if method == "eth_getLogs":
            lo, hi = int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)
            if hi - lo >= 10000:
                return None, {"code": -32602, "message": "block range is too wide"}
            return [self.log(n, chain) for n in mine if lo <= TOP - 100 + n <= hi], None
        if method == "eth_call":
            return self.read(params[0]["data"], mine)
        return None, {"code": -32601, "message": "no such method"}

    def log(self, n, chain):
        """A URI of 400 KiB is about as much as a block's gas can pay for."""
        return {"address": registry(chain), "topics": [REGISTERED, "0x" + word(n), "0x" + word(int(OWNER, 16))],
                "data": "0x" + word(32) + abi_string(uri(n, self.at, 400 << 10)), "blockNumber": hex(TOP - 100 + n),
                "transactionHash": "0x" + word(n + 1), "transactionIndex": "0x0", "blockHash": "0x" + word(TOP - 100 + n),
                "logIndex": "0x0", "removed": False}

    def read(self, data, mine):
        n = int(data[10:74], 16) if len(data) >= 74 else -1
        if n not in mine:
            return None, {"code": 3, "message": "execution reverted", "data": "0x7e273289" + word(max(n, 0))}
        if data.startswith("0xc87b56dd"):
            return "0x" + word(32) + abi_string(uri(n, self.at, 400 << 10)), None
        # Alpha's wallet on the chain is its payee; Beta's is its owner, as it is for everyone who set none.
        return "0x" + word(int(PAYEE if data.startswith("0x00339509") and n == 1 else OWNER, 16)), None


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """Who hangs up on what is too large is in the right."""


server = Server(("127.0.0.1", 0), Service)
with open(sys.argv[1], "w") as f:
    f.write(str(server.server_address[1]))
server.serve_forever()
