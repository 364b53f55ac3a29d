/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * The channel's two rings, from the host's side: what is outbound for the guest comes in here.
 */

#include <string.h>
#include "hvhost.h"
#include <errno.h>

/** The longest packet that is taken, in bytes */
#define MAX_PACKET 1024
/** The longest RNDIS message that is taken, in bytes */
#define MAX_RNDIS 4096

struct ring {
	/** NULL while the channel is closed */
	struct ring_control *control;
	uint8_t *data;
	size_t len;
};

static struct ring from_guest;
static struct ring to_guest;
static unsigned long full;
static int stopped;

static int ring_init ( struct ring *ring, void *start, size_t len ) {
	if ( len <= sizeof ( *ring->control ) )
		return -EINVAL;
	ring->control = start;
	ring->data = ( start + sizeof ( *ring->control ) );
	ring->len = ( len - sizeof ( *ring->control ) );
	return 0;
}

/** Opens the rings in shared memory; the guest's inbound one starts at a page of it */
int ring_open ( uint32_t gpadl, size_t inbound_page ) {
	size_t len;
	void *start = memory_map ( gpadl, &len );
	size_t split = ( inbound_page * HV_PAGE );
	int rc;

	if ( ( ! start ) || ( ( ( intptr_t ) start ) % HV_PAGE ) || ( len % HV_PAGE ) ||
	     ( inbound_page > ( len / HV_PAGE ) ) )
		return -EINVAL;
	if ( ( ( rc = ring_init ( &from_guest, start, split ) ) != 0 ) ||
	     ( ( rc = ring_init ( &to_guest, ( start + split ), ( len - split ) ) ) != 0 ) ) {
		ring_close();
		return rc;
	}
	stopped = 0;
	return 0;
}

/** Closes the rings */
void ring_close ( void ) {
	if ( to_guest.control && full )
		host_say ( "found the inbound ring full %ld times\n", full );
	full = 0;
	memset ( &from_guest, 0, sizeof ( from_guest ) );
	memset ( &to_guest, 0, sizeof ( to_guest ) );
}

/** How many bytes lie between the ring's two indices, or a failure when they are nonsense */
static int ring_fill ( const struct ring *ring, size_t *fill ) {
	size_t write = ring->control->write;
	size_t read = ring->control->read;

	if ( ( write >= ring->len ) || ( read >= ring->len ) || ( write % 8 ) || ( read % 8 ) )
		return -EINVAL;
	*fill = ( ( write >= read ) ? ( write - read ) : ( ring->len - read + write ) );
	return 0;
}

/** Copies out of a ring and around its end; gives the index behind */
static size_t ring_get ( const struct ring *ring, size_t index, void *data, size_t len ) {
	size_t first = ( ring->len - index );

	if ( first > len )
		first = len;
	memcpy ( data, &ring->data[index], first );
	memcpy ( ( data + first ), ring->data, ( len - first ) );
	return ( ( index + len ) % ring->len );
}

/** Copies into a ring and around its end; gives the index behind */
static size_t ring_put ( const struct ring *ring, size_t index, const void *data, size_t len ) {
	size_t first = ( ring->len - index );

	if ( first > len )
		first = len;
	memcpy ( &ring->data[index], data, first );
	memcpy ( ring->data, ( data + first ), ( len - first ) );
	return ( ( index + len ) % ring->len );
}

/** Makes a header say what it must not */
static void spoil ( struct packet *header ) {
	if ( fault_hits ( FAULT_PACKET_NO_HEADER ) )
		header->header_units = 0;
	if ( fault_hits ( FAULT_PACKET_OVERLONG ) )
		header->units = 0x1000;
	if ( fault_hits ( FAULT_PACKET_TYPE ) )
		header->type = 0x7777;
	if ( fault_hits ( FAULT_PACKET_UNDERLENGTH ) )
		header->units = ( header->header_units - 1 );
	if ( fault_hits ( FAULT_PACKET_EMPTY ) )
		header->units = 0;
}

/** Sends a packet to the guest; fails when the ring has no room now */
int ring_send ( struct packet *header, size_t header_len, const void *data, size_t len ) {
	static const uint8_t zeros[8];
	struct packet_footer footer = { .reserved = 0 };
	size_t padding = ( ( -len ) % 8 );
	size_t total = ( header_len + len + padding + sizeof ( footer ) );
	size_t index;
	size_t fill;
	int rc;

	if ( ! to_guest.control )
		return -ENOTCONN;
	if ( ( rc = ring_fill ( &to_guest, &fill ) ) != 0 )
		return rc;
	if ( ( fill + total ) >= to_guest.len ) {
		full++;
		return -ENOBUFS;
	}
	header->header_units = ( header_len / 8 );
	header->units = ( ( header_len + len + padding ) / 8 );
	spoil ( header );
	index = to_guest.control->write;
	footer.start = index;
	index = ring_put ( &to_guest, index, header, header_len );
	index = ring_put ( &to_guest, index, data, len );
	index = ring_put ( &to_guest, index, zeros, padding );
	index = ring_put ( &to_guest, index, &footer, sizeof ( footer ) );
	__sync_synchronize();
	to_guest.control->write = index;
	return 0;
}

/** A packet that describes an RNDIS message by the pages it lies in */
static int take_direct ( const struct packet_direct *direct, size_t header_len, size_t len ) {
	static uint8_t rndis[MAX_RNDIS];
	size_t pages;
	int rc;

	if ( ( header_len < sizeof ( *direct ) ) || ( direct->count != 1 ) ||
	     ( direct->len > sizeof ( rndis ) ) )
		return -EINVAL;
	pages = ( ( header_len - sizeof ( *direct ) ) / sizeof ( direct->pages[0] ) );
	if ( ( rc = memory_read ( direct->pages, pages, direct->offset, rndis,
				  direct->len ) ) != 0 )
		return rc;
	nvsp_direct ( direct->packet.transaction, ( ( ( void * ) direct ) + header_len ), len,
		      rndis, direct->len );
	return 0;
}

static int take ( const struct packet *packet, size_t header_len, size_t len ) {
	switch ( packet->type ) {
	case PACKET_INBAND:
		nvsp_inband ( packet->transaction, ( ( ( void * ) packet ) + header_len ), len );
		return 0;
	case PACKET_DIRECT:
		return take_direct ( ( ( void * ) packet ), header_len, len );
	case PACKET_COMPLETION:
		nvsp_completion ( packet->transaction );
		return 0;
	case PACKET_CANCEL:
		return 0;
	default:
		return -ENOTSUP;
	}
}

/** Reads one packet of the guest's; fails when what lies there cannot be one */
static int take_next ( size_t fill ) {
	/* Aligned as packets are; a packet is copied before it is looked at, since the guest could
	 * change it meanwhile.
	 */
	static union {
		struct packet packet;
		uint64_t align;
		uint8_t bytes[MAX_PACKET];
	} copy;
	struct packet_footer footer;
	size_t start = from_guest.control->read;
	size_t index;
	size_t header_len;
	size_t len;

	if ( fill < sizeof ( copy.packet ) )
		return -EINVAL;
	ring_get ( &from_guest, start, &copy.packet, sizeof ( copy.packet ) );
	header_len = ( copy.packet.header_units * 8 );
	len = ( copy.packet.units * 8 );
	if ( ( header_len < sizeof ( copy.packet ) ) || ( len < header_len ) ||
	     ( len > sizeof ( copy ) ) || ( fill < ( len + sizeof ( footer ) ) ) )
		return -EINVAL;
	index = ring_get ( &from_guest, start, copy.bytes, len );
	index = ring_get ( &from_guest, index, &footer, sizeof ( footer ) );
	if ( footer.start != start )
		return -EINVAL;
	from_guest.control->read = index;
	return take ( &copy.packet, header_len, ( len - header_len ) );
}

/** Serves what the guest sent, until there is nothing more */
void ring_service ( void ) {
	size_t fill;
	int rc;

	while ( from_guest.control && ! stopped && ! bus_is_withdrawn() ) {
		if ( fault_hits ( FAULT_RING_FULL ) ) {
			from_guest.control->read =
				( ( from_guest.control->write + 8 ) % from_guest.len );
			host_say ( "stops reading, the outbound ring is full\n" );
			stopped = 1;
			return;
		}
		if ( ( ( rc = ring_fill ( &from_guest, &fill ) ) != 0 ) ||
		     ( fill && ( ( rc = take_next ( fill ) ) != 0 ) ) ) {
			host_say ( "stops at a bad packet of the guest's: %s\n", strerror ( rc ) );
			stopped = 1;
			return;
		}
		if ( ! fill )
			break;
	}
	nvsp_flush();
}
