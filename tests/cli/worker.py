"""The worker's HTTP interface, asked as a client would: see worker.sh.

usage: worker.py ARTUI DIR
"""
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from worker_client import ARTUI, DIR, Worker, alive, bearer, failed, gone, leaks, same, seen, true, verdict

FACTS = ["version", "device", "gpu", "gpuMemoryMb", "devices", "class", "timeBudgetSeconds", "dataSha256",
         "evaluatorSha256", "sandbox", "native", "async", "queueLength", "running", "queueMax", "draining", "priceUsd"]


# ---- obol's interface ------------------------------------------------------------------------

def interface(w):
    for path in ("/health", "/healthz"):
        r = w.ask("GET", path)
        same("get" + path.replace("/", "-"), (200, "ok", False, 4), (r.status, r.json.get("status"), r.json.get("busy"), r.json.get("timeoutSeconds")))
        same("facts" + path.replace("/", "-"), [], [k for k in FACTS if k not in r.json])
    same("facts-known", (False, True, "0.00", 4), (r.json["native"], r.json["async"], r.json["priceUsd"], r.json["queueMax"]))
    true("facts-class", r.json["class"].startswith("cpu:") and r.json["gpu"] is None, r.json)
    r = w.ask("GET", "/status")
    same("status-idle", (200, "idle", None, None, None), (r.status, r.json["status"], r.json["current"], r.json["last"], r.json["best"]))
    r = w.ask("GET", "/best")
    same("best-none", (404, {"error": "no completed experiments yet"}), (r.status, r.json))
    for path in ("/experiments/no!such", "/experiments/" + "a" * 65, "/experiments/"):
        r = w.ask("GET", path)
        same("id-invalid-%d" % len(path), (400, {"error": "invalid experiment id"}), (r.status, r.json))
    r = w.ask("GET", "/experiments/nosuch")
    same("id-unknown", (404, {"error": "experiment nosuch not found"}), (r.status, r.json))
    for method, path in (("GET", "/nosuch"), ("POST", "/nosuch"), ("GET", "/experiment"), ("PUT", "/experiment"), ("GET", "/")):
        r = w.ask(method, path)
        true("unknown-%s-%s" % (method, path.strip("/")), r.status == 404 and r.json["error"].startswith("unknown endpoint: " + path), (r.status, r.body))
    for path in ("/experiments/../health", "/experiments/%2e%2e/%2e%2e/etc/passwd", "/artifacts/../../etc/passwd", "//etc/passwd", "/experiments/a%00b",
                 "/experiments/x/..%2f..%2fserve.secret", "/artifacts/" + "0" * 64):
        r = w.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        true("path-" + re.sub("[^a-z0-9]+", "-", path)[:24], r is not None and r.status in (400, 401, 404) and b"root:" not in r.body, r and (r.status, r.body))
    r = w.ask("POST", "/experiment", {"probe": True})
    same("probe", (200, "ok", True, False, 4), (r.status, r.json["status"], r.json["probe"], r.json["busy"], r.json["timeoutSeconds"]))

    bad = [
        ("not-json", "nonsense", "request body must be valid JSON"), ("half-json", '{"train_py": "x"', "request body must be valid JSON"),
        ("array", "[1]", "request body must be a JSON object"), ("text", '"x"', "request body must be a JSON object"),
        ("twice", '{"train_py":"a","train_py":"b"}', None), ("deep", "[" * 100000, None), ("not-utf8", b'{"train_py":"\xff\xfe"}', None),
        ("nothing", "{}", "train_py string is required"), ("blank", {"train_py": " \n\t"}, "train_py string is required"),
        ("number", {"train_py": 1}, "train_py string is required"), ("null", {"train_py": None}, "train_py string is required"),
        ("nul", {"train_py": "a\0b"}, None), ("long", {"train_py": "#" * (1 << 20) + "#"}, "train_py is longer than 1 MiB"),
        ("config-list", {"train_py": "x", "config": []}, "config must be a JSON object"),
        ("config-text", {"train_py": "x", "config": "{}"}, "config must be a JSON object"),
        ("config-big", {"train_py": "x", "config": {"a": "b" * 70000}}, "config must be a JSON object"),
        ("id-number", {"train_py": "x", "experiment_id": 7}, "experiment_id must be"), ("id-empty", {"train_py": "x", "experiment_id": ""}, "experiment_id must be"),
        ("id-path", {"train_py": "x", "experiment_id": "../x"}, "experiment_id must be"), ("id-alias", {"train_py": "x", "experimentId": "a b"}, "experiment_id must be"),
        ("id-long", {"train_py": "x", "experiment_id": "a" * 65}, "experiment_id must be"), ("id-newline", {"train_py": "x", "experiment_id": "a\n"}, "experiment_id must be"),
    ]
    for name, body, want in bad:
        r = w.ask("POST", "/experiment", body)
        true("bad-" + name, r.status == 400 and isinstance(r.json, dict) and (want or "") in r.json["error"], (r.status, r.body[:200]))
    head = b"POST /experiment HTTP/1.1\r\nHost: x\r\n"
    train = b'{"train_py":"echo val_bpb: 2"}'
    r = w.raw(head + b"\r\n")
    same("length-absent", (400, {"error": "train_py string is required"}), (r.status, r.json))
    r = w.raw(head + b"Content-Length: 0\r\n\r\n")
    same("length-zero", (400, {"error": "train_py string is required"}), (r.status, r.json))
    for name, n in (("negative", b"-5"), ("word", b"many"), ("hex", b"0x10"), ("plus", b"+30"), ("huge", b"99999999999999999999")):
        r = w.raw(head + b"Content-Length: " + n + b"\r\n\r\n" + train)
        true("length-" + name, r is not None and r.status in (400, 413), r and (r.status, r.body))
    r = w.raw(head + b"Content-Length: 5\r\nContent-Length: 30\r\n\r\n" + train)
    true("length-twice", r is not None and r.status == 400, r and (r.status, r.body))
    r = w.raw(head + b"Content-Length: 6000000\r\n\r\n")
    true("too-big", r is not None and r.status == 413, r and r.status)
    r = w.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in (train[:7], train[7:])) + b"0\r\n\r\n", 60)
    true("chunked", r is not None and r.status == 200 and r.json["val_bpb"] == 2.0, r and (r.status, r.body))
    r = w.raw(head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    true("chunked-wrong", r is None or r.status == 400, r and r.status)
    big = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    try:
        r = w.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + big * 6)
        true("chunked-too-big", r is None or r.status == 413, r and r.status)
    except OSError:
        verdict("chunked-too-big", "")  # closed while we sent: that is a refusal too
    same("health-afterwards", 200, w.ask("GET", "/health").status)


def results(w):
    r = w.ask("POST", "/experiment", {"trainPy": "echo step 1; echo val_bpb: 1.2345", "config": {"depth": 8, "s": "\u00fc"}, "experimentId": "first"})
    j = r.json
    same("result-status", (200, "completed", 0, 1.2345, "first", {"depth": 8, "s": "\u00fc"}), (r.status, j["status"], j["return_code"], j["val_bpb"], j["experiment_id"], j["config"]))
    same("result-hash", "sha256:" + hashlib.sha256(b"echo step 1; echo val_bpb: 1.2345").hexdigest(), j["train_hash"])
    true("result-members", all(k in j for k in ("artifact_path", "log_path", "startedAt", "finishedAt", "durationSeconds", "class", "dataSha256", "evaluatorSha256", "timeBudgetSeconds")), j)
    true("result-duration", 0 < j["durationSeconds"] < 30, j["durationSeconds"])
    true("result-token", re.fullmatch("[0-9a-f]{32}", r.headers.get("x-job-token", "")), r.headers)
    again = w.ask("GET", "/experiments/first")
    same("result-by-id", (200, j), (again.status, again.json))
    true("result-by-id-no-token", "x-job-token" not in again.headers, again.headers)
    r = w.ask("GET", "/best")
    same("best", (200, 1.2345, None), (r.status, r.json["val_bpb"], r.json["experiment_id"]))
    before = w.cli("orders", "--json")[1]
    r2 = w.ask("POST", "/experiment", {"trainPy": "echo step 1; echo val_bpb: 1.2345", "config": {"depth": 8, "s": "\u00fc"}, "experimentId": "first"})
    same("same-id-same-body", (200, j), (r2.status, r2.json))
    same("same-id-runs-once", before, w.cli("orders", "--json")[1])
    for name, body in (("train", {"train_py": "echo val_bpb: 1", "experiment_id": "first"}),
                       ("config", {"train_py": "echo step 1; echo val_bpb: 1.2345", "experiment_id": "first"})):
        r = w.ask("POST", "/experiment", body)
        same("same-id-other-" + name, (409, "conflict"), (r.status, r.json.get("status")))
    r = w.submit("echo val_bpb: 0.01; exit 3")
    same("failed", (200, "failed", 3, None, "command exited with status 3"), (r.status, r.json["status"], r.json["return_code"], r.json["val_bpb"], r.json.get("note")))
    same("failed-is-never-best", 1.2345, w.ask("GET", "/best").json["val_bpb"])
    r = w.submit("exec ./nosuch")
    same("command-missing", (200, "failed", 127), (r.status, r.json["status"], r.json["return_code"]))
    r = w.submit("kill -9 $$")
    true("signal", r.json["status"] == "failed" and r.json["return_code"] == 137, r.json)
    scores = [
        ("exponent", "echo val_bpb: 9.9e-1", 0.99), ("last-wins", "echo val_bpb: 1.5; echo val_bpb: 1.1", 1.1), ("point-first", "echo val_bpb: .97", 0.97),
        ("equals", "echo val_bpb=1.25", 1.25), ("python-dict", "echo \"{'val_bpb': 1.75, 'x': 2}\"", 1.75), ("json", "echo '{\"metrics\": {\"val_bpb\": 1.5}}'", 1.5),
        ("no-newline", "printf 'val_bpb: 1.5'", 1.5), ("nan", "echo val_bpb: 1.0; echo val_bpb: nan", None), ("inf", "echo val_bpb: inf", None),
        ("zero", "echo val_bpb: 0", None), ("negative", "echo val_bpb: -1", None), ("none", "echo nothing", None), ("too-large", "echo val_bpb: 1e999", None),
        ("other-word", "echo my_val_bpb: 1", None), ("percent", "echo val_bpb: 5%", None), ("to-stderr", "echo val_bpb: 1.4 >&2", 1.4),
        ("results-file", "echo 'a\t0.5' >results.tsv; echo no number", None),
    ]
    for name, train, want in scores:
        r = w.submit(train)
        state = "completed" if want else "failed"
        same("score-" + name, (200, state, want), (r.status, r.json["status"], r.json["val_bpb"]))
    same("best-of-all", 0.97, w.ask("GET", "/best").json["val_bpb"])


def timeouts(w):
    t = time.monotonic()
    r = w.submit("echo early; sh -c 'exec sleep 31337.25' & setsid setsid sh -c 'trap \"\" TERM; sleep 31337.5' & echo val_bpb: 0.5; sleep 31337.75", experiment_id="slow")
    took = time.monotonic() - t
    same("timeout", (200, "timeout", -1, None, "experiment exceeded timeout of 4s"), (r.status, r.json["status"], r.json["return_code"], r.json["val_bpb"], r.json.get("note")))
    true("timeout-in-time", 3.5 < took < 20, took)
    same("timeout-is-stored", r.json, w.ask("GET", "/experiments/slow").json)
    true("timeout-grandchildren-die", gone("31337."), alive("31337."))
    log = w.ask("GET", "/experiments/slow/log", headers=bearer(r.headers["x-job-token"]))
    same("timeout-log", (200, b"early\nval_bpb: 0.5\n"), (log.status, log.body))
    same("timeout-not-best", 0.97, w.ask("GET", "/best").json["val_bpb"])
    r = w.submit("setsid sh -c 'sleep 31338.5' & setsid sh -c 'while :; do sleep 31338.75; done' & sleep 0.2; echo val_bpb: 1.9")
    same("leftovers-result", "completed", r.json["status"])
    true("leftovers-die", gone("31338."), alive("31338."))


def asynchronous(w):
    r = w.submit_async("echo one; sleep 31339.5", experiment_id="async-1")
    j = r.json
    same("async-accepted", (202, "async-1"), (r.status, j.get("experiment_id")))
    true("async-members", all(k in j for k in ("jobId", "statusUrl", "resultUrl", "jobToken", "expiresAt", "message")), j)
    same("async-headers", (j["statusUrl"], "respond-async"), (r.headers.get("location"), r.headers.get("preference-applied")))
    true("async-running", seen("31339.5"))
    token, wrong = j["jobToken"], j["jobToken"][:-1] + ("0" if j["jobToken"][-1] != "0" else "1")
    r = w.ask("GET", j["statusUrl"])
    same("job-running", (200, "running", j["jobId"]), (r.status, r.json["state"], r.json["jobId"]))
    r = w.ask("GET", "/experiments/async-1")
    same("experiment-running", (200, "running"), (r.status, r.json["status"]))
    r = w.ask("GET", "/status")
    same("status-busy", ("busy", None), (r.json["status"], r.json["current"]["experiment_id"]))
    same("status-busy-own", "async-1", w.ask("GET", "/status", headers=bearer(token)).json["current"]["experiment_id"])
    same("job-result-401", (401, True), (lambda a: (a.status, "bearer" in a.headers.get("www-authenticate", "").lower()))(w.ask("GET", j["resultUrl"])))
    same("job-result-wrong-token", 401, w.ask("GET", j["resultUrl"], headers=bearer(wrong)).status)
    for bad in ("Bearer", "Bearer ", "Basic " + token, token, "Bearer " + token + token):
        same("job-result-odd-%d" % len(bad), 401, w.ask("GET", j["resultUrl"], headers={"Authorization": bad}).status)
    r = w.ask("GET", j["resultUrl"], headers=bearer(token))
    true("job-result-early", r.status == 409 and "retry-after" in r.headers, (r.status, r.headers))
    wrong_job = j["jobId"][:3] + ("0" if j["jobId"][3] != "0" else "1") + j["jobId"][4:]
    for name, url in (("forged", "/jobs/" + wrong_job), ("short", "/jobs/1"), ("next", "/jobs/" + j["jobId"][:-1] + "f"), ("part", j["statusUrl"] + "/other")):
        same("job-" + name, 404, w.ask("GET", url).status)
    # The same again joins it; a body of another kind does not.
    same("async-again", (202, j["jobId"]), (lambda a: (a.status, a.json.get("jobId")))(w.submit_async("echo one; sleep 31339.5", experiment_id="async-1")))
    for name, headers, want in (("none", {}, 401), ("wrong", bearer(wrong), 401)):
        same("cancel-" + name, want, w.ask("DELETE", "/experiments/async-1", headers=headers).status)
    waiter = {}
    thread = threading.Thread(target=lambda: waiter.update(r=w.submit("echo one; sleep 31339.5", experiment_id="async-1")))
    thread.start()
    time.sleep(0.3)
    r = w.ask("DELETE", "/experiments/async-1", headers=bearer(token))
    same("cancel", (200, "cancelled"), (r.status, r.json["status"]))
    thread.join(20)
    same("cancel-answers-who-waits", (200, "cancelled"), (waiter["r"].status, waiter["r"].json["status"]) if "r" in waiter else None)
    true("cancel-ends-it", gone("31339.5"), alive("31339.5"))
    same("cancel-again", 409, w.ask("DELETE", "/experiments/async-1", headers=bearer(token)).status)
    same("cancelled-job", "failed", w.ask("GET", j["statusUrl"]).json["state"])

    r = w.submit_async("echo val_bpb: 1.3")
    j = r.json
    w.wait_for(j["experiment_id"], ["completed"])
    same("job-complete", ("complete", j["resultUrl"]), (lambda a: (a.json["state"], a.json.get("resultUrl")))(w.ask("GET", j["statusUrl"])))
    r = w.ask("GET", j["statusUrl"], headers={"Prefer": "redirect"})
    same("job-redirect", (303, j["resultUrl"]), (r.status, r.headers.get("location")))
    r = w.ask("GET", j["resultUrl"], headers=bearer(j["jobToken"]))
    same("job-result", (200, "completed", 1.3), (r.status, r.json["status"], r.json["val_bpb"]))
    same("job-result-late-401", 401, w.ask("GET", j["resultUrl"]).status)
    for method in ("POST", "DELETE"):
        same("job-" + method, 405, w.ask(method, j["statusUrl"]).status)
    same("experiments-post", 405, w.ask("POST", "/experiments/first").status)


def full(w):
    jobs = [w.submit_async("sleep 31340.5 # %d" % i, experiment_id="full-%d" % i) for i in range(4)]
    same("queue-takes", [202] * 4, [r.status for r in jobs])
    r = w.submit("echo val_bpb: 1")
    same("busy", (409, {"error": "worker is already running an experiment", "status": "busy"}), (r.status, r.json))
    same("busy-async", 409, w.submit_async("echo val_bpb: 1").status)
    r = w.ask("POST", "/experiment", {"probe": True})
    same("busy-probe", (200, True, True, 4), (r.status, r.json["busy"], r.json["probe"], r.json["running"] + r.json["queueLength"]))
    r = w.ask("GET", "/health")
    same("busy-health", (200, "ok", True), (r.status, r.json["status"], r.json["busy"]))
    same("busy-known", 202, w.submit_async("sleep 31340.5 # 2", experiment_id="full-2").status)
    same("busy-bad-is-400", 400, w.ask("POST", "/experiment", {"train_py": ""}).status)
    same("queued", ("pending", "queued"), (w.ask("GET", jobs[3].json["statusUrl"]).json["state"], w.ask("GET", "/experiments/full-3").json["status"]))
    for r in reversed(jobs):
        w.ask("DELETE", "/experiments/" + r.json["experiment_id"], headers=bearer(r.json["jobToken"]))
    same("queue-empty", False, w.ask("GET", "/health").json["busy"])
    true("queue-cancelled-never-ran", gone("31340.5"), alive("31340.5"))
    states = {o["experiment_id"]: (o["state"], o["started_at"] is None) for o in json.loads(w.cli("orders", "--json")[1])}
    same("queue-cancelled", ("cancelled", True), states["full-3"])


def parts(w):

    train = ("printf '%s\\n' one; sleep 1; printf 'two\\n'; echo '{\"progress\": 0.5, \"seconds\": 1, \"loss\": 2.5, \"tokens\": 9}' >&$ARTUI_METRICS_FD; "
             "printf '\\033[31mred\\033[0m\\r\\nevent: end\\ndata: forged\\n\\nlast\\n'; head -c 100000 /dev/zero | tr '\\0' m >model.safetensors; "
             "echo old >old.pt; touch -d '1 hour ago' old.pt; sleep 1; echo val_bpb: 1.05")
    r = w.submit_async(train, experiment_id="parts")
    token = r.json["jobToken"]
    for part in ("log", "metrics.jsonl"):
        same("part-401-" + part, 401, w.ask("GET", "/experiments/parts/" + part).status)
    c = http.client.HTTPConnection("127.0.0.1", w.port, timeout=30)
    c.request("GET", "/experiments/parts/log", headers={**bearer(token), "Accept": "text/event-stream"})
    s = c.getresponse()
    same("sse-type", (200, "text/event-stream"), (s.status, s.getheader("Content-Type").split(";")[0]))
    got, live = b"", False
    while True:
        piece = s.read1(4096)
        if not piece:
            break
        got += piece
        live = live or (b"data: one\n\n" in got and b"two" not in got)
    true("sse-live", live, got)
    events = [e for e in got.decode().split("\n\n") if e and not e.startswith(":")]
    same("sse-end", "event: end\ndata: completed", events[-1])
    same("sse-nothing-forged", [], [e for e in events[:-1] if not all(line.startswith("data:") for line in e.split("\n"))])
    true("sse-lines", all("data: " + line in events for line in ("one", "two", "event: end", "data: forged", "last", "val_bpb: 1.05")), events)
    r = w.wait_for("parts", ["completed"])
    j = r.json
    log = w.ask("GET", "/experiments/parts/log", headers=bearer(token))
    true("log", log.status == 200 and log.body.startswith(b"one\ntwo\n") and log.body.endswith(b"val_bpb: 1.05\n"), log.body)
    true("log-ansi-as-it-is", b"\x1b[31mred" in log.body and "text/plain" in log.headers["content-type"] and log.headers.get("x-content-type-options") == "nosniff", log.headers)
    r = w.ask("GET", "/experiments/parts/log", headers={**bearer(token), "Accept": "text/event-stream"})
    true("sse-afterwards", r.body.endswith(b"event: end\ndata: completed\n\n") and b"data: one\n\n" in r.body, r.body)
    r = w.ask("GET", "/experiments/parts/metrics.jsonl", headers=bearer(token))
    same("metrics-jsonl", (200, 0.5, 2.5), (r.status, r.json and r.json["progress"], r.json and r.json["loss"]))
    model = b"m" * 100000
    sha = hashlib.sha256(model).hexdigest()
    same("artifact-told", (sha, "/artifacts/" + sha, "model.safetensors", 100000), (j["artifact_sha256"], j["artifact_path"], j["artifact_name"], j["artifact_bytes"]))
    same("artifact-401", 401, w.ask("GET", "/artifacts/" + sha).status)
    other = w.submit("echo val_bpb: 3").headers["x-job-token"]
    same("artifact-other-token", 401, w.ask("GET", "/artifacts/" + sha, headers=bearer(other)).status)
    r = w.ask("GET", "/artifacts/" + sha, headers=bearer(token))
    same("artifact", (200, model, "100000", "bytes"), (r.status, r.body, r.headers["content-length"], r.headers.get("accept-ranges")))
    for name, asked, want in (("first", "bytes=0-9", (206, 10, "bytes 0-9/100000")), ("last", "bytes=-5", (206, 5, "bytes 99995-99999/100000")),
                              ("rest", "bytes=99990-", (206, 10, "bytes 99990-99999/100000")), ("beyond", "bytes=99999-200000", (206, 1, "bytes 99999-99999/100000")),
                              ("outside", "bytes=100000-", (416, None, "bytes */100000"))):
        r = w.ask("GET", "/artifacts/" + sha, headers={**bearer(token), "Range": asked})
        same("range-" + name, want, (r.status, len(r.body) if r.status == 206 else None, r.headers.get("content-range")))
    r = w.ask("GET", "/artifacts/" + sha, headers={**bearer(token), "Range": "lines=1-2"})
    same("range-odd-unit", (200, 100000), (r.status, len(r.body)))
    r = w.ask("HEAD", "/artifacts/" + sha, headers=bearer(token))
    same("artifact-head", (200, "100000", b""), (r.status, r.headers.get("content-length"), r.body))
    etag = w.ask("GET", "/artifacts/" + sha, headers=bearer(token)).headers.get("etag")
    true("artifact-etag", etag and sha in etag, etag)
    r = w.submit("ln -s /etc/passwd model.pt; echo val_bpb: 2.2")
    same("artifact-no-symlink", ("completed", None), (r.json["status"], r.json["artifact_sha256"]))
    r = w.submit("echo x >model.bin; exit 1")
    same("artifact-of-a-failure", ("failed", None), (r.json["status"], r.json["artifact_sha256"]))


def told(w):
    r = w.ask("GET", "/metrics")
    true("prometheus-type", r.status == 200 and r.headers["content-type"].startswith("text/plain; version=0.0.4"), r.headers)
    lines = r.body.decode().splitlines()
    same("prometheus-lines", [], [s for s in lines if not re.fullmatch(r"# (HELP|TYPE) artui_\w+ .+|artui_\w+(\{\w+=\"\w+\"\})? -?[0-9.]+", s)])
    true("prometheus-orders", any(re.fullmatch(r'artui_orders\{state="completed"\} [1-9]\d*', s) for s in lines), lines)
    r = w.ask("GET", "/.well-known/agent-registration.json", headers={"Host": "worker.example:81"})
    j = r.json
    same("registration", (200, "https://eips.ethereum.org/EIPS/eip-8004#registration-v1", False, True), (r.status, j.get("type"), j.get("x402Support"), j.get("active")))
    names = {s["name"]: s for s in j["services"]}
    true("registration-services", "web" in names and "OASF" in names, j["services"])
    same("registration-endpoint", True, names["web"]["endpoint"].startswith("http://worker.example:81"))
    skills = names["OASF"].get("skills", [])
    true("registration-skills", "devops_mlops/model_versioning" in skills and "machine_learning/model_optimization" in skills, names["OASF"])
    meta = j.get("metadata", {})
    true("registration-metadata", all(isinstance(meta.get(k), str) for k in ("gpu", "framework", "best_val_bpb", "total_experiments", "updated")), meta)
    same("registration-best", 0.97, float(meta["best_val_bpb"]))
    r = w.ask("GET", "/.well-known/agent-registration.json", headers={"Host": "evil.example/\"<script>"})
    true("registration-odd-host", b"evil" not in r.body and r.status == 200, r.body[:300])
    r = w.ask("GET", "/api/services.json")
    same("catalogue", (200, 1, "0"), (r.status, len(r.json), r.json[0]["priceAtomicUnits"]))


def switches(w):
    same("pause-cli", (0, True), (lambda r: (r[0], "paused" in r[1]))(w.cli("pause")))
    r = w.submit_async("echo val_bpb: 1.7", experiment_id="paused")
    same("pause-takes", 202, r.status)
    time.sleep(2.5)
    same("pause-starts-nothing", "queued", w.ask("GET", "/experiments/paused").json["status"])
    w.cli("open")
    same("open-goes-on", "completed", w.wait_for("paused", ["completed"]).json["status"])
    w.cli("drain")
    r = w.submit("echo val_bpb: 1")
    same("drain", (503, "draining"), (r.status, r.json.get("status")))
    r = w.ask("POST", "/experiment", {"probe": True})
    same("drain-probe", (200, True, True), (r.status, r.json["busy"], r.json["draining"]))
    same("drain-known", 200, w.submit("echo val_bpb: 1.7", experiment_id="paused").status)
    w.cli("open")
    same("drain-open", "completed", w.submit("echo val_bpb: 1").json["status"])


def from_outside(w):
    other = subprocess.run([ARTUI, "worker", "serve", "--price", "0", "--data", w.data + "-2", "--train-command", "true", "--listen", "127.0.0.1:%d" % w.port],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    true("port-in-use", other.returncode == 1 and "127.0.0.1:%d" % w.port in other.stderr and "in use" in other.stderr, (other.returncode, other.stderr))
    other = subprocess.run([ARTUI, "worker", "serve", "--price", "0", "--data", w.data, "--train-command", "true", "--listen", "127.0.0.1:0"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    true("data-in-use", other.returncode == 1 and "another worker" in other.stderr, (other.returncode, other.stderr))
    same("still-serves", 200, w.ask("GET", "/health").status)
    # It must not have taken away who is there.
    code, out, _ = w.cli("orders", "--json", "--limit", "3")
    rows = json.loads(out)
    same("orders-json", (0, 3, ["id", "experiment_id", "state", "val_bpb", "payer", "sale", "device", "our_fault", "attempt", "note",
                               "created_at", "started_at", "finished_at"]), (code, len(rows), list(rows[0])))
    same("sales-json", (0, []), (lambda r: (r[0], json.loads(r[1])))(w.cli("sales", "--json")))
    code, out, _ = w.cli("orders")
    true("orders-table", code == 0 and re.search(r"completed +1\.0000 ", out), out[:300])


def restarts(w):
    for how, name, attempt in ((signal.SIGTERM, "term", 2), (signal.SIGKILL, "kill", 2)):
        # What it does on its second start it does at once.
        r = w.submit_async("echo begun; [ $(date +%%s) -gt %d ] || sleep 31341.5; echo val_bpb: 1.6" % (time.time() + 5), experiment_id="over-" + name)
        j, queued = r.json, w.submit_async("echo val_bpb: 1.8", experiment_id="after-" + name).json
        true(name + "-running", seen("31341.5"))
        waiter = {}
        def wait():
            try:
                waiter["r"] = w.submit("echo val_bpb: 1.8", experiment_id="after-" + name).status
            except OSError:
                waiter["r"] = None
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        code = w.end(how)
        thread.join(20)
        same(name + "-status", 0 if how == signal.SIGTERM else -9, code)
        if how == signal.SIGTERM:
            same("term-answers-who-waits", 503, waiter.get("r"))
            true("term-ends-runs", not alive("31341.5"), alive("31341.5"))
        time.sleep(6)
        w.start()
        true(name + "-orphans-die", gone("31341.5"), alive("31341.5"))
        r = w.wait_for("over-" + name, ["completed", "failed", "timeout"])
        same(name + "-resumed", ("completed", 1.6), (r.json["status"], r.json.get("val_bpb")))
        same(name + "-token-holds", 200, w.ask("GET", j["resultUrl"], headers=bearer(j["jobToken"])).status)
        same(name + "-queued-too", "completed", w.wait_for("after-" + name, ["completed", "failed"]).json["status"])
        rows = {o["experiment_id"]: o for o in json.loads(w.cli("orders", "--json")[1])}
        same(name + "-attempts", attempt, rows["over-" + name]["attempt"])
        log = w.ask("GET", "/experiments/over-%s/log" % name, headers=bearer(j["jobToken"]))
        same(name + "-log-of-the-last-attempt", b"begun\nval_bpb: 1.6\n", log.body)
    # Twice killed while it ran: it is ours to answer for.
    r = w.submit_async("sleep 31342.5", experiment_id="cursed")
    j = r.json
    for _ in range(2):
        seen("31342.5")
        w.end(signal.SIGKILL)
        w.start()
    r = w.wait_for("cursed", ["failed"])
    same("twice-killed", (503, "failed"), (r.status, r.json["status"]))
    same("twice-killed-job", "failed", w.ask("GET", j["statusUrl"]).json["state"])
    same("twice-killed-job-result", 502, w.ask("GET", j["resultUrl"], headers=bearer(j["jobToken"])).status)
    same("lives-on", "completed", w.submit("echo val_bpb: 1").json["status"])


def evaluated():
    """Evaluator files: seen, read-only, hashed; their owner changes one while a run uses it."""
    folder = os.path.join(DIR, "eval")
    os.mkdir(folder)
    files = [os.path.join(folder, n) for n in ("prepare.py", "data.bin")]
    for f in files:
        with open(f, "w") as o:
            o.write("echo val_bpb: 1.25\n")
    w = Worker("evaluated", "--evaluator", " ".join(files)).start()
    facts = w.ask("GET", "/health").json
    true("evaluator-hash", re.fullmatch("[0-9a-f]{64}", facts["evaluatorSha256"] or ""), facts)
    r = w.submit("sh prepare.py; echo x >>prepare.py; rm -f prepare.py data.bin; : >data.bin; ls -l")
    same("evaluator-seen", "completed", r.json["status"])
    same("evaluator-unchanged", ["echo val_bpb: 1.25\n"] * 2, [open(f).read() for f in files])
    job = w.submit_async("sleep 2; echo val_bpb: 0.1", experiment_id="meanwhile").json
    time.sleep(1)
    with open(files[0], "a") as o:
        o.write("# changed\n")
    r = w.wait_for("meanwhile", ["failed", "completed"])
    same("evaluator-changed-is-ours", (503, "failed", None), (r.status, r.json["status"], r.json["val_bpb"]))
    true("evaluator-changed-note", "prepare.py" in r.json["note"] and "/" not in r.json["note"], r.json)
    same("evaluator-changed-job", 502, w.ask("GET", job["resultUrl"], headers=bearer(job["jobToken"])).status)
    r = w.submit_async("echo val_bpb: 1", experiment_id="later")
    time.sleep(2)
    same("evaluator-changed-nothing-starts", "queued", w.ask("GET", "/experiments/later").json["status"])
    same("evaluator-worker-ends", 0, w.end())


w = Worker("main").start()
interface(w)
results(w)
timeouts(w)
asynchronous(w)
full(w)
parts(w)
told(w)
switches(w)
from_outside(w)
restarts(w)
same("ends", 0, w.end())
evaluated()
same("no-host-paths", [], leaks[:3])
sys.exit(failed())
