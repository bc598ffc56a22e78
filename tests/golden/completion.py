# SPDX-License-Identifier: Apache-2.0
"""What <TAB> offers for the last word of a command line, asked of bash and of zsh themselves."""
import os
import pty
import subprocess
import threading

BASH = """PATH=$1:$PATH; source "$2"; shift 2; COMP_WORDS=(shoal "$@"); COMP_CWORD=$#; _shoal
[ "${#COMPREPLY[@]}" = 0 ] || printf "%s\\n" "${COMPREPLY[@]}" """

# zsh completes on its command line only, so it gets a terminal; ^T stands for <TAB> and tells what
# would be listed. Calls of compadd that only ask (-A, -D, -O) offer nothing.
ZSHRC = """unset zle_bracketed_paste
PS1= PS2=
fpath=($COMPLETION $fpath)
autoload -Uz compinit && compinit -u -d $ZDOTDIR/dump
compadd() {
	local -a offered
	if [[ -z ${(M)@[1,(i)--]:#-[ADO]*} ]]; then
		builtin compadd -O offered "$@"
		(($#offered)) && print -lru $OFFERS -- $offered
	fi
	builtin compadd "$@"
}
offer() { _main_complete; print -u $OFFERS -- ; compstate[insert]= compstate[list]= }
bindkey -e
zle -C offer list-choices offer
bindkey '^T' offer
# The terminal passes on what is typed from here on.
zle-line-init() { print -u $OFFERS -- }
zle -N zle-line-init
"""


class Bash:
    """Each question is a bash of its own, in the directory that holds `shoal`."""

    def __init__(self, directory, top):
        self.directory = directory
        self.script = f"{top}/packaging/completion/shoal.bash"

    def offers(self, *words):
        done = subprocess.run(["bash", "-c", BASH, "complete", self.directory, self.script, *words],
                              capture_output=True, text=True, check=True, cwd=self.directory)
        return sorted(set(done.stdout.splitlines()))

    def close(self):
        pass


class Zsh:
    """One zsh on a terminal, in the directory that holds `shoal`."""

    def __init__(self, directory, top):
        with open(f"{directory}/.zshrc", "w", encoding="utf-8") as file:
            file.write(ZSHRC)
        heard, told = os.pipe()
        self.terminal, terminal = pty.openpty()
        self.zsh = subprocess.Popen(
            ["zsh", "-d", "-i"], stdin=terminal, stdout=terminal, stderr=terminal, pass_fds=[told],
            start_new_session=True, cwd=directory,
            env={**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "ZDOTDIR": directory, "TERM": "dumb",
                 "OFFERS": str(told), "COMPLETION": f"{top}/packaging/completion"})
        os.close(told)
        os.close(terminal)
        self.heard = os.fdopen(heard, encoding="utf-8")
        self.screen = b""
        threading.Thread(target=self.read_screen, daemon=True).start()
        self.answer()

    def read_screen(self):
        """What it draws is not looked at, unless it ends."""
        try:
            while chunk := os.read(self.terminal, 4096):
                self.screen = (self.screen + chunk)[-2000:]
        except OSError:
            pass

    def answer(self):
        """The lines up to the empty one."""
        lines = []
        for line in self.heard:
            if line == "\n":
                return sorted(set(lines))
            lines.append(line.rstrip("\n"))
        raise RuntimeError(f"zsh ended: {self.screen.decode(errors='replace')}")

    def offers(self, *words):
        os.write(self.terminal, b"\x15" + " ".join(("shoal", *words)).encode() + b"\x14")
        return self.answer()

    def close(self):
        self.zsh.kill()
        self.zsh.wait()
        self.heard.close()
        os.close(self.terminal)
