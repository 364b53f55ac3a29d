/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * The network behind the card: a user-mode one, by libslirp. 10.0.2.2 in it is this computer's
 * loopback.
 */

#include <string.h>
#include <byteswap.h>
#include <ipxe/in.h>
#include <ipxe/process.h>
#include <ipxe/timer.h>
#include <ipxe/linux_api.h>
#include <ipxe/slirp.h>
#include "hvhost.h"
#include <errno.h>

/** The most sockets that are watched */
#define MAX_SOCKETS 64
/* Ethernet: where a frame's type is, and the two types that say who sends */
#define TYPE_AT 12
#define TYPE_IPV4 0x0800
#define TYPE_ARP 0x0806
/** Where the sender's IPv4 address is in an IPv4 packet's frame, and in an ARP packet's */
#define IPV4_SENDER_AT 26
#define ARP_SENDER_AT 28

static struct Slirp *slirp;
static struct pollfd sockets[MAX_SOCKETS];
static unsigned int socket_count;
static struct in_addr guest;

static const struct {
	int slirp;
	int poll;
} events[] = {
	{ SLIRP_EVENT_IN, POLLIN },
	{ SLIRP_EVENT_OUT, POLLOUT },
	{ SLIRP_EVENT_PRI, POLLPRI },
	{ SLIRP_EVENT_ERR, POLLERR },
	{ SLIRP_EVENT_HUP, POLLHUP },
};
#define EVENTS ( sizeof ( events ) / sizeof ( events[0] ) )

static ssize_t __asmcall send_packet ( const void *frame, size_t len, void *opaque __unused ) {
	int rc;

	if ( ( rc = rndis_frame ( frame, len ) ) != 0 )
		host_say ( "loses a frame to the guest: %s\n", strerror ( rc ) );
	return len;
}

static void __asmcall guest_error ( const char *message, void *opaque __unused ) {
	host_say ( "network: %s\n", message );
}

static int64_t __asmcall clock_get_ns ( void *opaque __unused ) {
	return ( ( ( int64_t ) currticks() ) * ( 1000000 / TICKS_PER_MS ) );
}

/* libslirp needs timers for IPv6 only, which is off */
static void * __asmcall timer_new ( void ( __asmcall * callback ) ( void * ) __unused,
				    void *callback_opaque __unused, void *opaque __unused ) {
	static int timer;

	return &timer;
}

static void __asmcall timer_free ( void *timer __unused, void *opaque __unused ) {
}

static void __asmcall timer_mod ( void *timer __unused, int64_t expire __unused,
				  void *opaque __unused ) {
}

/* Sockets are asked for anew each time, so changes need no notice */
static void __asmcall socket_changed ( int fd __unused, void *opaque __unused ) {
}

static void __asmcall notify ( void *opaque __unused ) {
}

static struct slirp_callbacks callbacks = {
	.send_packet = send_packet,
	.guest_error = guest_error,
	.clock_get_ns = clock_get_ns,
	.timer_new = timer_new,
	.timer_free = timer_free,
	.timer_mod = timer_mod,
	.register_poll_fd = socket_changed,
	.unregister_poll_fd = socket_changed,
	.notify = notify,
};

static int __asmcall add_socket ( int fd, int wanted, void *opaque __unused ) {
	struct pollfd *pollfd;
	unsigned int i;

	if ( socket_count == MAX_SOCKETS )
		return -1;
	pollfd = &sockets[socket_count];
	memset ( pollfd, 0, sizeof ( *pollfd ) );
	pollfd->fd = fd;
	for ( i = 0 ; i < EVENTS ; i++ ) {
		if ( wanted & events[i].slirp )
			pollfd->events |= events[i].poll;
	}
	return socket_count++;
}

static int __asmcall socket_events ( int index, void *opaque __unused ) {
	int found = 0;
	unsigned int i;

	if ( ( index < 0 ) || ( ( ( unsigned int ) index ) >= socket_count ) )
		return 0;
	for ( i = 0 ; i < EVENTS ; i++ ) {
		if ( sockets[index].revents & events[i].poll )
			found |= events[i].slirp;
	}
	return found;
}

/** Looks after the sockets once a round of iPXE's processes */
static void net_step ( struct process *process __unused ) {
	uint32_t timeout = 0;
	int ready;

	if ( ! slirp )
		return;
	socket_count = 0;
	linux_slirp_pollfds_fill ( slirp, &timeout, add_socket, NULL );
	ready = linux_poll ( sockets, socket_count, 0 );
	linux_slirp_pollfds_poll ( slirp, ( ready < 0 ), socket_events, NULL );
	nvsp_flush();
}

PERMANENT_PROCESS ( hvhost_net_process, net_step );

/** Tells when the guest speaks as another address than before: what a ticket must bring about */
static void watch ( const uint8_t *frame, size_t len ) {
	unsigned int type;
	size_t at;
	struct in_addr sender;

	if ( len < ( IPV4_SENDER_AT + 8 ) )
		return;
	type = ( ( frame[TYPE_AT] << 8 ) | frame[ TYPE_AT + 1 ] );
	if ( ( type != TYPE_IPV4 ) && ( type != TYPE_ARP ) )
		return;
	at = ( ( type == TYPE_ARP ) ? ARP_SENDER_AT : IPV4_SENDER_AT );
	memcpy ( &sender, &frame[at], sizeof ( sender ) );
	if ( sender.s_addr == guest.s_addr )
		return;
	guest = sender;
	host_say ( "hears the guest speak as %s\n", inet_ntoa ( guest ) );
}

/** Takes a frame of the guest's */
void net_send ( const void *frame, size_t len ) {
	watch ( frame, len );
	if ( slirp )
		linux_slirp_input ( slirp, frame, len );
}

/** Starts the network; it offers the guest 10.0.2.15 by DHCP, so a static address tells itself */
int net_open ( void ) {
	struct slirp_config config;

	memset ( &config, 0, sizeof ( config ) );
	config.version = 1;
	config.in_enabled = true;
	config.vnetwork.s_addr = htonl ( 0x0a000200 );
	config.vnetmask.s_addr = htonl ( 0xffffff00 );
	config.vhost.s_addr = htonl ( 0x0a000202 );
	config.vdhcp_start.s_addr = htonl ( 0x0a00020f );
	config.vnameserver.s_addr = htonl ( 0x0a000203 );
	slirp = linux_slirp_new ( &config, &callbacks, NULL );
	return ( slirp ? 0 : -ENODEV );
}

/** Ends the network */
void net_close ( void ) {
	if ( slirp )
		linux_slirp_cleanup ( slirp );
	slirp = NULL;
}
