"""A worker under test and its client: what worker.py and tests/fault/worker_hostile.py share.

Their command lines begin with ARTUI and DIR, the program and a directory for data. Prints "ok NAME" or "FAIL NAME: why",
one a line. Every answer is searched for paths of this machine.
"""
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time

ARTUI, DIR = sys.argv[1:3]
failures = 0
leaks = []


def verdict(name, wrong):
    global failures
    failures += bool(wrong)
    print("FAIL %s: %s" % (name, str(wrong)[:900]) if wrong else "ok " + name, flush=True)


def same(name, want, got):
    verdict(name, "" if want == got else "wanted %r, got %r" % (want, got))


def true(name, value, what=""):
    verdict(name, "" if value else "not so: %s" % (what,))


# ---- the worker ------------------------------------------------------------------------------

class Worker:
    def __init__(self, data, *options, command="sh train.py", budget="3", grace="1", queue="4"):
        self.data = os.path.join(DIR, data)
        self.options = ["--price", "0", "--listen", "127.0.0.1:0", "--train-command", command, "--time-budget", budget,
                        "--grace", grace, "--queue", queue, *options]
        self.settings = []
        self.process = None

    def start(self):
        port_file = self.data + ".port"
        if os.path.exists(port_file):
            os.remove(port_file)
        self.log = open(self.data + ".log", "ab")
        self.process = subprocess.Popen([ARTUI, *self.settings, "worker", "serve", "--data", self.data, "--port-file", port_file,
                                         *self.options], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        for _ in range(600):
            if os.path.exists(port_file) and open(port_file).read().endswith("\n"):
                self.port = int(open(port_file).read())
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("FAIL start: " + open(self.data + ".log", errors="replace").read()[-600:])

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)

    def ask(self, method, path, body=None, headers=None, timeout=60):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        c.request(method, path, body, headers or {})
        return answer(c.getresponse(), method + " " + path)

    def submit(self, train, headers=None, **more):
        return self.ask("POST", "/experiment", {"train_py": train, **more}, headers)

    def submit_async(self, train, **more):
        return self.submit(train, {"Prefer": "respond-async"}, **more)

    def wait_for(self, experiment, states, seconds=40):
        for _ in range(seconds * 20):
            r = self.ask("GET", "/experiments/" + experiment)
            if isinstance(r.json, dict) and r.json.get("status") in states:
                return r
            time.sleep(0.05)
        return r

    def raw(self, data, timeout=10, half_close=False):
        """The whole answer to bytes, None when the connection was only closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            s.settimeout(timeout)
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
            r = http.client.HTTPResponse(s, method="POST")
            try:
                r.begin()
            except (http.client.HTTPException, ConnectionError):
                return None
            return answer(r, "raw")

    def cli(self, *args):
        r = subprocess.run([ARTUI, "worker", *args, "--data", self.data], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True)
        return r.returncode, r.stdout, r.stderr


class Answer:
    pass


def answer(r, what):
    a = Answer()
    a.status, a.body = r.status, r.read()
    a.headers = {k.lower(): v for k, v in r.getheaders()}
    try:
        a.json = json.loads(a.body)
    except ValueError:
        a.json = None
    text = repr(a.headers) + a.body.decode("utf-8", "replace")
    # /usr is what runs see of the system; everything else of this machine's is nobody's business.
    for path in (DIR, os.environ["HOME"], os.path.dirname(ARTUI), "/home/", "/root", "/worker/orders"):
        if path in text:
            leaks.append("%s: %s" % (what, text[max(0, text.find(path) - 60):][:160]))
    return a


def alive(marker):
    """Processes with this word in their command line, ours and this one's apart."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open("/proc/%s/cmdline" % pid, "rb").read()
        except OSError:
            continue
        if marker.encode() in line and int(pid) != os.getpid():
            found.append(int(pid))
    return found


def gone(marker, seconds=10):
    for _ in range(seconds * 20):
        if not alive(marker):
            return True
        time.sleep(0.05)
    return False


def seen(marker, seconds=20):
    for _ in range(seconds * 20):
        if alive(marker):
            return True
        time.sleep(0.05)
    return False


def bearer(token):
    return {"Authorization": "Bearer " + token}


def failed():
    return failures > 0
