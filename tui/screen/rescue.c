/*
 * rescue.c - see screen.h and rescue.h.
 *
 * Everything a handler touches is in one object, written before the handlers can need it. A handler
 * does only what signal-safety(7) allows: tcsetattr, write, sigaction, raise.
 */
#include "tui/screen/rescue.h"
#include "tui/screen/screen.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#define LEAVE_MAX 512

static struct {
	volatile sig_atomic_t installed;
	volatile sig_atomic_t have_termios;
	volatile sig_atomic_t looping;      /* screen_main's loop takes signals */
	volatile sig_atomic_t told;         /* the signal told to it */
	volatile sig_atomic_t leave_len;
	int wake;                           /* eventfd, -1 none */
	struct termios saved;
	char leave[LEAVE_MAX];
	char stack[64 * 1024];              /* of the handlers: the thread's own may have overflowed */
} rescue;

static const int graceful[] = { SIGTERM, SIGHUP, SIGINT };
static const int deadly[] = { SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };

static void write_all(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(STDOUT_FILENO, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

void screen_rescue_now(void)
{
	int saved_errno = errno;
	sig_atomic_t n = rescue.leave_len;

	rescue.leave_len = 0;
	if (n > 0)
		write_all(rescue.leave, (size_t)n);
	if (rescue.have_termios && n > 0) {
		sigset_t ttou, old;

		/* tcsetattr from the background would stop us here; the handler's mask is ours anyway */
		sigemptyset(&ttou);
		sigaddset(&ttou, SIGTTOU);
		pthread_sigmask(SIG_BLOCK, &ttou, &old);
		tcsetattr(STDIN_FILENO, TCSANOW, &rescue.saved);
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	errno = saved_errno;
}

void screen_rescue_raise(int sig)
{
	struct sigaction sa;
	sigset_t set;

	screen_rescue_now();
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = SIG_DFL;
	sigaction(sig, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, sig);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
	_exit(128 + sig);
}

static void on_graceful(int sig)
{
	uint64_t one = 1;
	int saved_errno = errno;

	if (!rescue.looping || rescue.wake < 0 || (rescue.told && sig != SIGINT))
		screen_rescue_raise(sig);
	/* a second ^C before the loop saw the first: it hangs, so do not wait for it */
	if (rescue.told == SIGINT)
		screen_rescue_raise(sig);
	rescue.told = sig;
	if (write(rescue.wake, &one, sizeof(one)) < 0)
		screen_rescue_raise(sig);
	errno = saved_errno;
}

static void on_deadly(int sig)
{
	screen_rescue_raise(sig);
}

static void save_termios(void)
{
	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &rescue.saved) != 0)
		return;
	if (!(rescue.saved.c_lflag & ICANON) || !(rescue.saved.c_lflag & ECHO)) {
		/* a program before us died raw: what we give back is a usable terminal */
		rescue.saved.c_lflag |= ICANON | ECHO | ECHOE | ECHOK | ISIG | IEXTEN;
		rescue.saved.c_iflag |= ICRNL | IXON | BRKINT;
		rescue.saved.c_oflag |= OPOST | ONLCR;
		tcsetattr(STDIN_FILENO, TCSANOW, &rescue.saved);
	}
	rescue.have_termios = 1;
}

void screen_rescue_install(void)
{
	struct sigaction sa;
	stack_t ss;

	if (rescue.installed)
		return;
	rescue.installed = 1;
	rescue.wake = -1;
	save_termios();
	memset(&ss, 0, sizeof(ss));
	ss.ss_sp = rescue.stack;
	ss.ss_size = sizeof(rescue.stack);
	sigaltstack(&ss, NULL);
	memset(&sa, 0, sizeof(sa));
	sigfillset(&sa.sa_mask);
	sa.sa_flags = SA_ONSTACK | SA_RESTART;
	sa.sa_handler = on_graceful;
	for (size_t i = 0; i < ART_COUNT(graceful); i++)
		sigaction(graceful[i], &sa, NULL);
	sa.sa_handler = on_deadly;
	for (size_t i = 0; i < ART_COUNT(deadly); i++)
		sigaction(deadly[i], &sa, NULL);
	art_on_death(screen_rescue_now);
}

int rescue_loop_begin(void)
{
	sigset_t set;

	rescue.told = 0;
	if (rescue.wake < 0)
		rescue.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rescue.looping = rescue.wake >= 0;
	sigemptyset(&set);
	for (size_t i = 0; i < ART_COUNT(graceful); i++)
		sigaddset(&set, graceful[i]);
	for (size_t i = 0; i < ART_COUNT(deadly); i++)
		sigaddset(&set, deadly[i]);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTSTP);
	sigaddset(&set, SIGCONT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return rescue.wake;
}

void rescue_loop_end(void)
{
	rescue.looping = 0;
	if (rescue.wake >= 0)
		close(rescue.wake);
	rescue.wake = -1;
}

int rescue_take_signal(void)
{
	uint64_t n;
	int sig;

	if (rescue.wake >= 0 && read(rescue.wake, &n, sizeof(n)) < 0 && errno != EAGAIN)
		return SIGHUP;
	sig = rescue.told;
	rescue.told = 0;
	return sig;
}

void rescue_set_leave(const char *bytes, size_t n)
{
	rescue.leave_len = 0;
	if (n > LEAVE_MAX)
		n = LEAVE_MAX;
	if (n > 0)
		memcpy(rescue.leave, bytes, n);
	rescue.leave_len = (sig_atomic_t)n;
}
