/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The simulation says everything on its standard output; the other consoles would bring TLS along. */
#undef CONSOLE_SYSLOG
#undef CONSOLE_SYSLOGS
