/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * The functions that stand between iPXE's VMBus code and a hypervisor, on a host that is a part of
 * the same program: a hypercall is a call.
 */

#include <stdarg.h>
#include <string.h>
#include <ipxe/malloc.h>
#include <ipxe/hyperv.h>
#include "hvhost.h"
#include <errno.h>

/** How many messages may wait for the guest */
#define MAX_MESSAGES 8

static struct {
	size_t len;
	uint8_t data[HV_MESSAGE_MAX];
} messages[MAX_MESSAGES];
static unsigned int first;
static unsigned int count;

/** Posts a message to the guest */
int calls_post ( const void *message, size_t len ) {
	unsigned int last = ( ( first + count ) % MAX_MESSAGES );

	if ( ( count == MAX_MESSAGES ) || ( len > sizeof ( messages[last].data ) ) ) {
		host_say ( "cannot post a message of %zd bytes behind %d others\n", len, count );
		return -ENOBUFS;
	}
	memcpy ( messages[last].data, message, len );
	messages[last].len = len;
	count++;
	return 0;
}

/** Forgets messages that nobody fetched */
void calls_reset ( void ) {
	count = 0;
}

__attribute__ (( sentinel )) int hv_alloc_pages ( struct hv_hypervisor *hv, ... ) {
	va_list pages;
	void **page;
	int rc = 0;

	va_start ( pages, hv );
	while ( ( page = va_arg ( pages, void ** ) ) != NULL ) {
		*page = malloc_phys ( HV_PAGE, HV_PAGE );
		if ( *page ) {
			memset ( *page, 0, HV_PAGE );
		} else {
			rc = -ENOMEM;
		}
	}
	va_end ( pages );
	return rc;
}

__attribute__ (( sentinel )) void hv_free_pages ( struct hv_hypervisor *hv, ... ) {
	va_list pages;
	void *page;

	va_start ( pages, hv );
	while ( ( page = va_arg ( pages, void * ) ) != NULL )
		free_phys ( page, HV_PAGE );
	va_end ( pages );
}

void hv_enable_sint ( struct hv_hypervisor *hv __unused, unsigned int sint __unused ) {
	/* The guest polls: there are no interrupts to enable */
}

void hv_disable_sint ( struct hv_hypervisor *hv __unused, unsigned int sint __unused ) {
}

int hv_post_message ( struct hv_hypervisor *hv __unused, unsigned int connection,
		      unsigned int type, const void *data, size_t len ) {
	if ( ( connection != HV_CONNECTION_MESSAGE ) || ( type != HV_MESSAGE_VMBUS ) ||
	     ( len > HV_MESSAGE_MAX ) ) {
		host_say ( "refuses a hypercall: connection %d, type %d, %zd bytes\n",
			   connection, type, len );
		return -EINVAL;
	}
	return bus_receive ( data, len );
}

/** Hands over the next message; one that is not there yet will not come, so nobody waits */
int hv_wait_for_message ( struct hv_hypervisor *hv, unsigned int sint __unused ) {
	struct hv_message *message = &hv->message->received;

	if ( ! count )
		return -ETIMEDOUT;
	memset ( message, 0, sizeof ( *message ) );
	message->type = HV_MESSAGE_VMBUS;
	message->len = messages[first].len;
	memcpy ( message->data, messages[first].data, messages[first].len );
	first = ( ( first + 1 ) % MAX_MESSAGES );
	count--;
	return 0;
}

int hv_signal_event ( struct hv_hypervisor *hv __unused, unsigned int connection,
		      unsigned int flag ) {
	if ( ( connection != HV_CONNECTION_EVENT ) || ( flag != 0 ) ) {
		host_say ( "refuses a signal: connection %d, flag %d\n", connection, flag );
		return -EINVAL;
	}
	bus_signal();
	return 0;
}

/** The memory barrier that vmbus.c asks for and that the userland platform lacks */
void mb ( void ) {
	__sync_synchronize();
}
