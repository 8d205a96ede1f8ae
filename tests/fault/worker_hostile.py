"""Experiments that mean harm, bought from a real worker: each must be contained, the worker must go on, and the next
buyer must be served. See worker_hostile.sh.

usage: worker_hostile.py ARTUI DIR
"""
import http.client
import json
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli"))
from worker_client import ARTUI, DIR, Worker, alive, bearer, failed, gone, leaks, same, true, verdict

SECRET = "b7e151628aed2a6abf7158809cf4f3c7"
LIMITS = {"worker.mem_mb": 400, "worker.disk_mb": 64, "worker.log_mb": 4, "worker.processes": 64}
BUDGET, GRACE = 5, 1
HOME = os.environ["HOME"]


def secret_files():
    """What the owner has and a buyer may not see or change; each holds SECRET."""
    files = [os.path.join(HOME, ".local/share/artui/keystores/w.json"), os.path.join(HOME, "password"), os.path.join(HOME, ".ssh/id_ed25519"),
             os.path.join(DIR, "prepare.py"), os.path.join(DIR, "data.bin")]
    for f in files:
        os.makedirs(os.path.dirname(f), exist_ok=True)
        with open(f, "w") as o:
            o.write("owner's %s %s\n" % (SECRET, os.path.basename(f)))
        os.chmod(f, 0o600 if HOME in f else 0o644)
    return files


files = secret_files()
evaluator = files[-2:]
stamps = {f: (os.stat(f).st_mtime_ns, open(f).read()) for f in files}

# On this machine, for programs that may open no connection.
listener = socket.create_server(("127.0.0.1", 0))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0artui-hostile-%d" % os.getpid())
abstract.listen()
heard = []


def hear(s):
    while True:
        try:
            c, _ = s.accept()
        except OSError:
            return
        heard.append(s)
        c.close()


for s in (listener, abstract):
    threading.Thread(target=hear, args=(s,), daemon=True).start()

w = Worker("hostile", "--evaluator", " ".join(evaluator), command="python3 train.py", budget=str(BUDGET), grace=str(GRACE), queue="4")
w.settings = [x for k, v in LIMITS.items() for x in ("-c", "%s=%d" % (k, v))]
w.start()
facts = w.ask("GET", "/health").json
true("sandboxed", facts["sandbox"] in ("bubblewrap", "namespaces"), facts)

COMMON = """
import ctypes, errno, os, resource, signal, socket, subprocess, sys, time
def tell(*a): print(*a, flush=True)
def attempt(what, f):
    try:
        r = f()
        tell("DONE", what, repr(r)[:200])
    except BaseException as e:
        tell("no", what, type(e).__name__, getattr(e, "errno", ""))
libc = ctypes.CDLL(None, use_errno=True)
def call(n, *a):
    r = libc.syscall(n, *a)
    if r < 0: raise OSError(ctypes.get_errno(), "syscall")
    return r
"""


def run(name, body, state, check=None, note=None, score=None):
    """One attack; then the worker must be well and serve somebody else."""
    t = time.monotonic()
    r = w.submit(COMMON + body, experiment_id=name)
    took = time.monotonic() - t
    wrong = []
    if not isinstance(r.json, dict) or r.json.get("status") not in ([state] if isinstance(state, str) else state):
        wrong.append("status %s: %s" % (r.status, r.body[:300]))
    elif r.json["val_bpb"] != (score if r.json["status"] == "completed" else None):
        wrong.append("val_bpb %r" % r.json["val_bpb"])
    elif note and not re.search(note, r.json.get("note", "")):
        wrong.append("note %r" % r.json.get("note"))
    if took > BUDGET + GRACE + 20:
        wrong.append("it took %.1f s" % took)
    token = r.headers.get("x-job-token", "")
    log = w.ask("GET", "/experiments/%s/log" % name, headers=bearer(token)).body
    text = log.decode("latin-1")
    if SECRET in text or "root:" in text.replace("root:x:0:0:run", ""):
        wrong.append("it read what it may not: %r" % text[:300])
    for line in text.splitlines():
        if line.startswith("DONE"):
            wrong.append(line)
    if len(log) > (LIMITS["worker.log_mb"] << 20) + 65536:
        wrong.append("a log of %d bytes" % len(log))
    if check:
        wrong += check(r, text) or []
    for f, (mtime, was) in stamps.items():
        if os.stat(f).st_mtime_ns != mtime or open(f).read() != was:
            wrong.append("%s was changed" % f)
    if heard:
        wrong.append("it connected to this machine")
        heard.clear()
    if not gone("scratch/train.py", 1) or alive("HOSTILE-MARK"):
        wrong.append("processes are left: %s" % alive("HOSTILE-MARK"))
    if os.path.exists(os.path.join(w.data, "worker/orders", name, "scratch")):
        wrong.append("its scratch directory is left")
    verdict("hostile-" + name, wrong)
    if w.process.poll() is not None:
        raise SystemExit("FAIL hostile-%s: the worker ended (%s)" % (name, w.process.returncode))
    n = w.submit("print('val_bpb: 1.5')")
    if n.status != 200 or n.json.get("status") != "completed":
        verdict("hostile-%s-next-buyer" % name, (n.status, n.body[:300]))


owned = [os.path.join(w.data, "artui.db"), os.path.join(w.data, "worker/serve.secret"), os.path.join(w.data, "worker/orders"), w.data, HOME]

run("reads-secrets", """
for p in ["/etc/shadow", "/etc/gshadow", "/root", "/home", "/var/log", "/etc/ssl/private", "/proc/1/environ.other", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/sda", "/run", "/sys/kernel/debug"] + %r:
    attempt("read " + p, lambda: (os.listdir(p) or None.x) if os.path.isdir(p) else open(p, "rb").read(100))
attempt("environment of pid 1", lambda: open("/proc/1/environ", "rb").read())
tell("env", dict(os.environ))
tell("ids", os.getuid(), [x for x in os.listdir("/proc") if x.isdigit()])
tell("val_bpb: 1.25")
""" % ([f for f in files if f not in evaluator] + owned), "completed", score=1.25,
    check=lambda r, t: [] if not any(p in t.split("env {", 1)[1] for p in ("XDG_", "SSH_", HOME)) else ["the owner's environment"])

run("sockets", """
for family, address in ((socket.AF_INET, ("127.0.0.1", %d)), (socket.AF_INET, ("127.0.0.1", %d)), (socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET6, ("::1", %d)),
                        (socket.AF_UNIX, "\\0artui-hostile-%d"), (socket.AF_UNIX, "/run/docker.sock")):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        def go():
            s = socket.socket(family, kind)
            s.settimeout(1)
            s.connect(address)
            if kind == socket.SOCK_DGRAM and family != socket.AF_UNIX:
                s.send(b"x"); s.recv(1)
            return address
        attempt("connect %%r" %% (address,), go)
for family, kind, proto in ((socket.AF_PACKET, socket.SOCK_RAW, 0), (socket.AF_INET, socket.SOCK_RAW, 1), (40, socket.SOCK_STREAM, 0), (38, socket.SOCK_SEQPACKET, 0), (16, socket.SOCK_RAW, 9)):
    attempt("socket %%d %%d" %% (family, kind), lambda: socket.socket(family, kind, proto))
attempt("resolve", lambda: socket.getaddrinfo("example.com", 80))
tell("val_bpb: 1.25")
""" % (listener.getsockname()[1], w.port, listener.getsockname()[1], os.getpid()), "completed", score=1.25)

run("fork-bomb", """
while True:
    try:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.setsid()
    except OSError:
        pass
""", "timeout")
run("threads", """
import threading
def wait(): time.sleep(60)
n = 0
try:
    while True:
        threading.Thread(target=wait, daemon=True).start(); n += 1
except RuntimeError:
    pass
tell("threads", n)
assert n < 80
tell("val_bpb: 1.25")
os._exit(0)
""", "completed", score=1.25)
run("memory", "x = []\nwhile True: x.append(bytearray(b'x') * (16 << 20))\n", "failed")
run("memory-of-many", """
for i in range(40):
    if os.fork() == 0:
        x = bytearray(b"x") * (30 << 20)
        time.sleep(60)
time.sleep(60)
""", "failed", note="MiB of memory")
run("memory-shared", """
import mmap
m = []
for i in range(40):
    m.append(mmap.mmap(-1, 64 << 20)); m[-1].write(b"x" * (64 << 20))
time.sleep(60)
""", "failed")
run("shm", """
n = 0
try:
    with open("/dev/shm/x", "wb") as f:
        while True: n += f.write(b"x" * (1 << 20)); f.flush()
except OSError: pass
tell("shm", n >> 20)
assert n <= 128 << 20
tell("val_bpb: 1.25")
""", "completed", score=1.25)
run("disk", "f = open('big', 'wb')\nwhile True: f.write(b'x' * (1 << 20)); f.flush()\n", "failed")
run("disk-many-files", """
for i in range(10000):
    with open("f%d" % i, "wb") as f: f.write(b"x" * 65536)
time.sleep(60)
""", "failed", note="MiB of disk")
run("disk-unlinked", """
k = []
for i in range(100):
    f = open("u", "wb"); os.unlink("u"); f.write(b"x" * (4 << 20)); f.flush(); k.append(f)
time.sleep(60)
""", "failed", note="MiB of disk")
run("disk-tmp", """
n = 0
try:
    with open("/tmp/x", "wb") as f:
        while True: n += f.write(b"x" * (1 << 20)); f.flush()
except OSError: pass
assert n <= 300 << 20, n
tell("val_bpb: 1.25")
""", ["completed", "failed"], score=1.25)
run("inodes", """
n = 0
try:
    while True:
        os.mkdir("d%d" % (n // 1000)) if n % 1000 == 0 else None
        open("d%d/f%d" % (n // 1000, n), "w").close(); n += 1
except OSError as e: tell(e)
time.sleep(60)
""", ["failed", "timeout"])
run("deep-directories", """
for i in range(3000):
    os.mkdir("d"); os.chdir("d")
    if i % 500 == 499: os.chmod("..", 0)
tell("val_bpb: 1.25")
""", ["completed", "failed"], score=1.25)

# ---- escapes -----------------------------------------------------------------------------------

for name, make in (("shadow", 'os.symlink("/etc/shadow", "model.safetensors")'), ("secret", "os.symlink(%r, 'model.pt')" % owned[1]),
                   ("dots", 'os.symlink("../../../serve.secret", "model.bin")'), ("directory", 'os.mkdir("model.gguf")'), ("fifo", 'os.mkfifo("model.pth")'),
                   ("loop", 'os.symlink("model.pt", "model.pt")'), ("proc", 'os.symlink("/proc/1/environ", "model.pt")'), ("log", 'os.symlink("../run.log", "model.pt")')):
    run("artifact-" + name, make + '\ntell("val_bpb: 1.25")\n', "completed", score=1.25,
        check=lambda r, t: [] if r.json["artifact_sha256"] is None else ["an artifact: %s" % r.json["artifact_name"]])
run("artifact-odd-name", """
open("\\x1b[2J\\n.pt", "w").write("one")
open("a b;$(reboot).pt", "w").write("two")
tell("val_bpb: 1.25")
""", "completed", score=1.25, check=lambda r, t: ["raw control characters in %r" % r.json["artifact_name"]] if re.search("[\x00-\x1f\x7f]", r.json["artifact_name"] or "") else [])
run("artifact-swapped", """
open("model.pt", "w").write("mine")
if os.fork() == 0:
    while True:
        try:
            os.symlink("/etc/shadow", "x"); os.rename("x", "model.pt")
            open("y", "w").write("mine"); os.rename("y", "model.pt")
        except OSError: pass
time.sleep(0.5)
tell("val_bpb: 1.25")
""", "completed", score=1.25)
run("links-out", """
os.symlink("/", "up")
for p in ("up/etc/shadow", "../run.log", "../../../serve.secret", "/scratch/../../../etc/shadow", "/proc/self/" + "root" + "/etc/shadow", "/proc/1/" + "root" + "/etc/shadow", "/proc/self/cwd/../../serve.secret"):
    attempt("read " + p, lambda: open(p, "rb").read(100))
for p in %r:
    attempt("hard link " + p, lambda: os.link(p, "l"))
for p in ("/usr/bin/x", "/etc/x", "/x", "/bin/x", "/lib/x", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/power/state", "/proc/1/oom_score_adj.x"):
    attempt("write " + p, lambda: open(p, "w").write("1"))
os.remove("train.py"); os.symlink("/etc/shadow", "train.py"); os.remove("config.json")
os.rename("up", "config.json")
tell("val_bpb: 1.25")
""" % files, "completed", score=1.25)
run("kernel-doors", """
for what, n, a in (("unshare user", 272, (0x10000000,)), ("unshare mount", 272, (0x20000,)), ("mount", 165, (b"none", b"/tmp", b"tmpfs", 0, 0)), ("pivot_root", 155, (b"/", b"/tmp")),
                   ("ptrace", 101, (16, 1, 0, 0)), ("bpf", 321, (0, 0, 0)), ("perf", 298, (0, 0, -1, -1, 0)), ("keyctl", 250, (0, -3, 0, 0, 0)), ("add_key", 248, (b"user", b"x", b"y", 1, -3)),
                   ("module", 175, (0, 0, b"")), ("kexec", 246, (0, 0, 0, 0)), ("reboot", 169, (0xfee1dead, 672274793, 0x1234567, 0)), ("settime", 227, (0, b"\\0" * 16)),
                   ("userfaultfd", 323, (0,)), ("setns", 308, (0, 0)), ("chroot", 161, (b"/tmp",)), ("swapon", 167, (b"x", 0)), ("mknod", 133, (b"dev", 0o60666, 0x800)), ("process_vm_readv", 310, (1, 0, 0, 0, 0, 0))):
    attempt(what, lambda: call(n, *a))
attempt("setuid", lambda: os.setuid(0) if os.getuid() else None.x)
attempt("su", lambda: subprocess.run(["su", "-c", "id"], check=True, timeout=3, stdin=subprocess.DEVNULL))
tell("val_bpb: 1.25")
""", "completed", score=1.25)

# ---- outliving ---------------------------------------------------------------------------------

run("outlives-its-time", """
for i in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for s in range(1, 64):
                try: signal.signal(s, signal.SIG_IGN)
                except (OSError, ValueError): pass
            os.execlp("sh", "sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done; echo HOSTILE-MARK")
        os._exit(0)
tell("val_bpb: 1.25")
time.sleep(60)
""", "timeout")
run("outlives-its-end", """
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 100)
    os.execlp("sh", "sh", "-c", "while :; do sleep 1; done; echo HOSTILE-MARK")
tell("val_bpb: 1.25")
""", "completed", score=1.25)
run("holds-the-pipe", """
if os.fork() == 0:
    os.setsid(); time.sleep(600)
tell("val_bpb: 1.25")
os._exit(0)
""", "completed", score=1.25)
run("kills-everyone", """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for s in (signal.SIGTERM, signal.SIGKILL):
    try: os.kill(1, s)
    except OSError as e: tell(e)
os.kill(-1, signal.SIGKILL)
time.sleep(1)
tell("val_bpb: 1.25")
""", ["completed", "failed"], score=1.25)
run("stops-itself", "os.kill(os.getpid(), signal.SIGSTOP)\n", "timeout")
run("aborts", "open('core_size', 'w').write(str(resource.getrlimit(resource.RLIMIT_CORE)))\nos.abort()\n", "failed", note="signal 6")
run("scheduling", """
attempt("realtime", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)))
attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))
attempt("oom", lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"))
tell("val_bpb: 1.25")
""", "completed", score=1.25)

# ---- lies and noise ----------------------------------------------------------------------------

run("writes-the-evaluator", """
for p in %r + ["prepare.py", "data.bin"]:
    attempt("append " + p, lambda: open(p, "a").write("val_bpb = 0"))
    attempt("truncate " + p, lambda: os.truncate(p, 0))
    attempt("chmod " + p, lambda: os.chmod(p, 0o777))
for p in %r:
    attempt("remove " + p, lambda: os.remove(p))
    attempt("rename over " + p, lambda: os.rename("config.json", p))
# Its own links to them it may change: they are its own.
os.remove("prepare.py"); open("prepare.py", "w").write("mine")
tell("val_bpb: 1.25")
""" % (evaluator, evaluator), "completed", score=1.25)
for name, text, score in (("zero", "val_bpb: 0", None), ("negative", "val_bpb: -0.5", None), ("nan", "val_bpb: 0.5\\nval_bpb: nan", None), ("inf", "val_bpb: -inf", None),
                          ("early", "val_bpb: 0.001\\nval_bpb: 1.75", 1.75), ("ansi", "\\x1b[31mval_bpb:\\x1b[0m \\x1b[1m1.75\\x1b[0m", 1.75),
                          ("huge", "val_bpb: " + "9" * 400, None), ("digits", "val_bpb: 1." + "0" * 5000, None), ("hex", "val_bpb: 0x1p-3", None), ("comma", "val_bpb: 0,5", None)):
    run("score-" + name, "tell(%s)\n" % repr(text).replace("\\\\", "\\"), "completed" if score else "failed", score=score)
run("score-and-exit-1", "tell('val_bpb: 0.0001')\nsys.exit(1)\n", "failed")
run("log-without-end", "b = b'x' * 65536\nn = 0\nwhile n < 10 << 30: n += os.write(1, b)\n", "failed", note="MiB of output")
run("log-one-line", "sys.stdout.write('x' * (3 << 20)); tell(); tell('val_bpb: 1.25')\n", "completed", score=1.25)
run("log-of-lines", "b = b'\\n' * 65536\nwhile True: os.write(1, b)\n", "failed", note="MiB of output")
run("log-ansi", """
os.write(1, bytes(range(256)) * 20 + b"\\x1b]0;owned\\x07\\x1b[2J\\x1b[6n\\x1bP+q\\x1b\\\\\\x9b31m\\r\\n")
tell("val_bpb: 1.25")
""", "completed", score=1.25)
run("metrics-flood", """
fd = int(os.environ["ARTUI_METRICS_FD"])
n = 0
try:
    for i in range(200000):
        os.write(fd, b'{"progress": %f, "seconds": 1, "loss": %d, "tokens": 1}\\n' % (i / 200000, i))
        n += 1
except OSError as e: tell(e)
tell("val_bpb: 1.25")
""", ["completed", "failed"], score=1.25)
run("metrics-garbage", """
fd = int(os.environ["ARTUI_METRICS_FD"])
for b in (b"[" * 100000 + b"\\n", b"\\0" * 100000, b'{"progress": 1e999, "loss": NaN}\\n', b'{"progress": -1, "seconds": -1, "loss": 1, "tokens": -5}\\n', b"x" * 3000000):
    try: os.write(fd, b)
    except OSError as e: tell(e)
tell("val_bpb: 1.25")
""", ["completed", "failed"], score=1.25)
run("closes-everything", "os.closerange(0, 1000)\ntime.sleep(0.5)\nos._exit(0)\n", "failed")

# ---- connections that only sit there -----------------------------------------------------------

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
crowd = 1000 if hard == resource.RLIM_INFINITY or hard > 2048 else hard // 4
resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard != resource.RLIM_INFINITY else 4096, hard))
idle = [socket.create_connection(("127.0.0.1", w.port)) for _ in range(crowd)]
slow = [socket.create_connection(("127.0.0.1", w.port)) for _ in range(crowd // 5)]
worst = 0
for byte in b"POST /exp":
    for c in slow:
        try:
            c.send(bytes([byte]))
        except OSError:
            pass
    t = time.monotonic()
    same("crowd-health", 200, w.ask("GET", "/health", timeout=10).status) if byte == ord("P") else w.ask("GET", "/health", timeout=10)
    worst = max(worst, time.monotonic() - t)
    time.sleep(0.1)
true("crowd-is-quick", worst < 2, "%.2f s for /health" % worst)
same("crowd-next-buyer", "completed", w.submit("print('val_bpb: 1.5')").json.get("status"))
for c in idle + slow:
    c.close()

# ---- afterwards --------------------------------------------------------------------------------

out = w.cli("orders", "--limit", "500")[1]
true("orders-are-plain-text", not re.search("[\x00-\x09\x0b-\x1f\x7f\x9b]", out), repr(out[:300]))
used = sum(os.lstat(os.path.join(d, f)).st_size for d, _, fs in os.walk(w.data) for f in fs)
true("disk-is-bounded", used < 64 << 20, "%d MiB are left" % (used >> 20))
modes = [os.path.join(d, f) for d, _, fs in os.walk(w.data) for f in fs if os.lstat(os.path.join(d, f)).st_mode & 0o6000]
same("nothing-setuid-is-left", [], modes)
said = open(w.data + ".log", errors="replace").read()
true("worker-says-plain-text", not re.search("[\x00-\x09\x0b-\x1f\x7f]", said), repr(said[-300:]))
true("memory-of-the-worker", int(re.search(r"VmRSS:\s+(\d+)", open("/proc/%d/status" % w.process.pid).read()).group(1)) < 300 << 10, "over 300 MiB")
time.sleep(1)
fds = len(os.listdir("/proc/%d/fd" % w.process.pid))
true("descriptors-of-the-worker", fds < 80, "%d are open" % fds)
same("ends", 0, w.end())
# What a log says, its program said; the evaluator is shown to it where it is.
same("no-host-paths", [], [x for x in leaks if "/log:" not in x][:3])
sys.exit(failed())
