# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
lttng.py: a session daemon of our own for the LTTng rows, in a scratch folder.

Run by root, LTTng's tools would use the system's daemon and sockets, whatever LTTNG_HOME says.
So root runs daemon, tools and candidates as a user without rights, from copies that this user
can read.
"""
import os
import pwd
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ("call-lttng-tracepoint", "call-lttng-tracef")
SESSION = "bpfstream-bench"


class Session:
    """with Session(BUILD) as session: session.why says why there is none, "" if there is."""

    def __init__(self, build):
        self.build = build
        self.why = ""
        self.home = None
        self.daemon = None
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else None

    def __enter__(self):
        if not all(os.access(os.path.join(self.build, p), os.X_OK) for p in PROGRAMS):
            self.why = "liblttng-ust-dev not installed"
        elif not shutil.which("lttng-sessiond") or not shutil.which("lttng"):
            self.why = "lttng-tools not installed"
        else:
            self._start()
        return self

    def __exit__(self, *_):
        if self.daemon:
            self._lttng("destroy", SESSION)
            self.daemon.terminate()
            try:
                self.daemon.wait(10)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
        if self.home:
            shutil.rmtree(self.home, ignore_errors=True)

    def drop(self):
        """In the child: be the user without rights."""
        if self.user:
            os.setgroups([])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)

    @property
    def environment(self):
        return {**os.environ, "HOME": self.home, "LTTNG_HOME": self.home, "LANG": "C"}

    def program(self, name):
        return os.path.join(self.home, name)

    def _lttng(self, *arguments):
        return subprocess.run(["lttng", "--no-sessiond", *arguments], env=self.environment,
                              cwd=self.home, preexec_fn=self.drop, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=30, check=False)

    def _start(self):
        self.home = tempfile.mkdtemp(prefix="bpfstream-lttng-")
        for name in PROGRAMS:
            shutil.copy(os.path.join(self.build, name), self.home)
        if self.user:
            os.chown(self.home, self.user.pw_uid, self.user.pw_gid)
        self.daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel"], env=self.environment,
                                       cwd=self.home, preexec_fn=self.drop,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        self._wait()
        # Snapshot mode, the cheapest for the writer: the oldest is overwritten, no reader runs.
        for command in (
                ["create", SESSION, "--snapshot", "--output", os.path.join(self.home, "snap")],
                ["enable-channel", "-u", "-s", SESSION, "--subbuf-size=1M", "--num-subbuf=4", "c"],
                ["enable-event", "-u", "-s", SESSION, "-c", "c",
                 "bpfstream_bench:*,lttng_ust_tracef:*"],
                ["start", SESSION]):
            done = self.why or self._lttng(*command)
            if done is not self.why and done.returncode:
                self.why = f"lttng {command[0]}: {(done.stderr or done.stdout).strip()}"

    def _wait(self):
        until = time.monotonic() + 10
        while self._lttng("list").returncode:
            if time.monotonic() > until or self.daemon.poll() is not None:
                self.why = "lttng-sessiond does not start"
                return
            time.sleep(0.1)
