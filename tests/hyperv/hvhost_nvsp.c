/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * NVSP: the network service on the channel. It answers the guest's control messages, and puts
 * RNDIS messages into the guest's receive buffer, in units that the guest gives back.
 */

#include <string.h>
#include <ipxe/iobuf.h>
#include <ipxe/list.h>
#include "hvhost.h"
#include <errno.h>

/** The unit in which the receive buffer is given out, in bytes */
#define UNIT 256
/** The most units that a receive buffer is cut into */
#define MAX_UNITS 256
/** The most messages that wait for room; Ethernet loses what comes on top */
#define MAX_WAITING 512
/** The transaction of unit 0 */
#define FIRST_TRANSACTION 0x5100
/** The page set of a receive buffer that was never agreed on */
#define WRONG_PAGESET 0x0bad

static struct {
	/** The receive buffer, NULL until the guest named one */
	uint8_t *start;
	size_t units;
	uint16_t pageset;
	/** How many units the message has that begins here, 0 for none */
	uint8_t taken[MAX_UNITS];
} buffer;

static LIST_HEAD ( waiting );
static unsigned int waiting_count;

static void complete ( uint64_t transaction, const void *data, size_t len ) {
	struct packet header = { .type = PACKET_COMPLETION, .transaction = transaction };
	int rc;

	if ( ( rc = ring_send ( &header, sizeof ( header ), data, len ) ) != 0 )
		host_say ( "cannot complete %#llx: %s\n", transaction, strerror ( rc ) );
}

static void init ( uint64_t transaction, const struct nvsp_init *message ) {
	struct nvsp_init_done done = { .type = NVSP_INIT_DONE, .version = NVSP_VERSION_1 };
	size_t len = sizeof ( done );

	done.status = ( ( ( message->lowest <= NVSP_VERSION_1 ) &&
			  ( message->highest >= NVSP_VERSION_1 ) ) ? NVSP_SUCCESS : NVSP_FAILURE );
	if ( fault_hits ( FAULT_INIT_SILENT ) )
		return;
	if ( fault_hits ( FAULT_INIT_STATUS ) )
		done.status = NVSP_FAILURE;
	if ( fault_hits ( FAULT_INIT_TYPE ) )
		done.type = NVSP_RECEIVE_BUFFER_DONE;
	if ( fault_hits ( FAULT_INIT_SHORT ) )
		len = sizeof ( done.type );
	if ( fault_hits ( FAULT_STRAY_COMPLETION ) )
		complete ( 0x123456789abcULL, "", 0 );
	if ( fault_hits ( FAULT_STRAY_INBAND ) ) {
		struct packet header = { .type = PACKET_INBAND };

		ring_send ( &header, sizeof ( header ), &done, sizeof ( done ) );
	}
	complete ( transaction, &done, len );
}

static void receive_buffer ( uint64_t transaction, const struct nvsp_buffer *message ) {
	struct nvsp_buffer_done done = { .type = NVSP_RECEIVE_BUFFER_DONE };
	size_t done_len = sizeof ( done );
	size_t len = 0;

	memset ( &buffer, 0, sizeof ( buffer ) );
	buffer.start = memory_map ( message->gpadl, &len );
	buffer.pageset = message->pageset;
	buffer.units = ( len / UNIT );
	if ( buffer.units > MAX_UNITS )
		buffer.units = MAX_UNITS;
	done.status = ( buffer.start ? NVSP_SUCCESS : NVSP_FAILURE );
	done.sections = 1;
	done.slot_len = UNIT;
	done.slots = buffer.units;
	done.end = ( buffer.units * UNIT );
	if ( fault_hits ( FAULT_BUFFER_STATUS ) )
		done.status = NVSP_FAILURE;
	if ( fault_hits ( FAULT_BUFFER_SHORT ) )
		done_len = ( 2 * sizeof ( uint32_t ) );
	complete ( transaction, &done, done_len );
}

/** Takes a control message */
void nvsp_inband ( uint64_t transaction, const void *data, size_t len ) {
	const uint32_t *type = data;

	if ( len < sizeof ( struct nvsp_init ) ) {
		host_say ( "ignores an NVSP message of %zd bytes\n", len );
		return;
	}
	switch ( *type ) {
	case NVSP_INIT:
		init ( transaction, data );
		break;
	case NVSP_NDIS_VERSION:
		complete ( transaction, "", 0 );
		break;
	case NVSP_RECEIVE_BUFFER:
		receive_buffer ( transaction, data );
		break;
	case NVSP_REVOKE_RECEIVE_BUFFER:
		buffer.start = NULL;
		complete ( transaction, "", 0 );
		break;
	default:
		host_say ( "ignores an NVSP message of type %d\n", *type );
	}
}

/** Takes an RNDIS message that came in guest pages */
void nvsp_direct ( uint64_t transaction, const void *data, size_t len, const void *rndis,
		   size_t rndis_len ) {
	const struct nvsp_rndis *message = data;

	if ( ( len < sizeof ( *message ) ) || ( message->type != NVSP_RNDIS ) ||
	     ( message->section != NVSP_NO_SECTION ) ) {
		host_say ( "ignores an RNDIS message in a bad wrapper\n" );
		return;
	}
	complete ( transaction, "", 0 );
	rndis_receive ( rndis, rndis_len );
}

/** The guest gives units of the receive buffer back */
void nvsp_completion ( uint64_t transaction ) {
	uint64_t unit = ( transaction - FIRST_TRANSACTION );

	if ( ( unit >= buffer.units ) || ( ! buffer.taken[unit] ) ) {
		host_say ( "got a completion of what it never sent: %#llx\n", transaction );
		return;
	}
	buffer.taken[unit] = 0;
}

/** The first of enough free units in a row, or a failure */
static int find_units ( size_t wanted ) {
	size_t unit = 0;
	size_t run = 0;

	while ( unit < buffer.units ) {
		if ( buffer.taken[unit] ) {
			unit += buffer.taken[unit];
			run = 0;
			continue;
		}
		unit++;
		if ( ++run == wanted )
			return ( unit - wanted );
	}
	return -ENOBUFS;
}

/** Makes a packet name memory that it must not */
static void spoil ( struct packet_pages *pages ) {
	if ( fault_hits ( FAULT_RANGE_OFFSET ) )
		pages->offset = 0x7ffffff0;
	if ( fault_hits ( FAULT_RANGE_LENGTH ) )
		pages->len = ( ( buffer.units * UNIT ) - pages->offset + 1 );
	if ( fault_hits ( FAULT_RANGE_COUNT ) )
		pages->count = 10000;
	if ( fault_hits ( FAULT_PAGESET ) )
		pages->pageset = WRONG_PAGESET;
}

static int send ( const void *rndis, size_t len ) {
	struct packet_pages pages = { .packet = { .type = PACKET_PAGES } };
	struct nvsp_rndis message = { .type = NVSP_RNDIS, .section = NVSP_NO_SECTION };
	size_t units = ( ( len + UNIT - 1 ) / UNIT );
	size_t message_len = sizeof ( message );
	int unit;
	int rc;

	if ( ! buffer.start )
		return -ENOTCONN;
	if ( ( unit = find_units ( units ) ) < 0 )
		return unit;
	memcpy ( &buffer.start[ unit * UNIT ], rndis, len );
	pages.packet.flags = PACKET_WANTS_COMPLETION;
	pages.packet.transaction = ( FIRST_TRANSACTION + unit );
	pages.pageset = buffer.pageset;
	pages.count = 1;
	pages.len = len;
	pages.offset = ( unit * UNIT );
	spoil ( &pages );
	message.channel = ( ( *( ( const uint32_t * ) rndis ) == RNDIS_PACKET ) ?
			    NVSP_CHANNEL_DATA : NVSP_CHANNEL_CONTROL );
	if ( fault_hits ( FAULT_NVSP_TYPE ) )
		message.type = NVSP_INIT;
	if ( fault_hits ( FAULT_NVSP_SHORT ) )
		message_len = sizeof ( message.type );
	if ( ( rc = ring_send ( &pages.packet, sizeof ( pages ), &message, message_len ) ) != 0 )
		return rc;
	buffer.taken[unit] = units;
	return 0;
}

/** Puts an RNDIS message into the line of those for the guest */
int nvsp_deliver ( const void *rndis, size_t len ) {
	struct io_buffer *iobuf;

	if ( ( ! buffer.start ) || ( waiting_count >= MAX_WAITING ) )
		return -ENOBUFS;
	iobuf = alloc_iob ( len );
	if ( ! iobuf )
		return -ENOMEM;
	memcpy ( iob_put ( iobuf, len ), rndis, len );
	list_add_tail ( &iobuf->list, &waiting );
	waiting_count++;
	nvsp_flush();
	return 0;
}

static void drop ( struct io_buffer *iobuf ) {
	list_del ( &iobuf->list );
	waiting_count--;
	free_iob ( iobuf );
}

/** Sends what waits, as far as there is room */
void nvsp_flush ( void ) {
	struct io_buffer *iobuf;

	while ( ( iobuf = list_first_entry ( &waiting, struct io_buffer, list ) ) ) {
		if ( send ( iobuf->data, iob_len ( iobuf ) ) != 0 )
			return;
		drop ( iobuf );
	}
}

/** The channel is closed: nothing may touch the guest's memory any more */
void nvsp_close ( void ) {
	struct io_buffer *iobuf;

	memset ( &buffer, 0, sizeof ( buffer ) );
	while ( ( iobuf = list_first_entry ( &waiting, struct io_buffer, list ) ) )
		drop ( iobuf );
}
