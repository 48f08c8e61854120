"""Every module is imported where the modules and functions of POSIX alone are missing, as on Windows."""

import subprocess
import sys

SCRIPT = """
import builtins, importlib, os, pkgutil, signal, sys, types

MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
LACKING = {
    "os": "O_CLOEXEC O_DIRECTORY O_DSYNC O_NOFOLLOW O_NONBLOCK O_SYNC WNOHANG chown chroot fork forkpty getegid "
    "geteuid getgid getgroups getloadavg getpgid getpgrp getpriority getsid getuid getxattr killpg lchown mkfifo mknod "
    "nice openpty posix_fadvise posix_fallocate pread pwrite register_at_fork sched_getaffinity sched_setaffinity "
    "sendfile setsid setxattr statvfs sysconf uname wait",
    "signal": "ITIMER_REAL SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGUSR1 SIGUSR2 SIGSTOP alarm pause "
    "pthread_kill pthread_sigmask setitimer siginterrupt sigwait",
}


def without(name):
    module = types.ModuleType(name)
    lacking = set(LACKING[name].split())
    module.__dict__.update({k: v for k, v in vars(sys.modules[name]).items() if k not in lacking})
    return module


stand_ins = {name: without(name) for name in LACKING}
real_import = builtins.__import__


# What other packages import is theirs: only tdaflow's own imports are answered as on Windows.
def as_on_windows(name, globals=None, locals=None, fromlist=(), level=0):
    if str((globals or {}).get("__name__")).partition(".")[0] == "tdaflow":
        if name in MODULES:
            raise ModuleNotFoundError(f"{globals['__name__']} imports {name} of POSIX", name=name)
        if name in stand_ins:
            return stand_ins[name]
    return real_import(name, globals, locals, fromlist, level)


builtins.__import__ = as_on_windows
import tdaflow

n, failed = 0, []
for found in pkgutil.walk_packages(tdaflow.__path__, "tdaflow.", onerror=lambda _: None):
    if found.name == "tdaflow.__main__":
        continue
    n += 1
    try:
        importlib.import_module(found.name)
    except ModuleNotFoundError as error:
        if error.name in MODULES or error.name.startswith("tdaflow"):
            failed.append(f"{found.name}: {error}")  # others are of extras
    except Exception as error:
        failed.append(f"{found.name}: {type(error).__name__}: {error}")
print(n, *failed, sep="\\n")
"""


def test_no_module_needs_posix_to_be_imported():
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    n, *failed = ended.stdout.splitlines()
    assert failed == []
    assert int(n) > 300
