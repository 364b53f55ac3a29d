/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * VMBus: contact, the offer of one network channel, shared memory, opening and closing.
 */

#include <string.h>
#include "hvhost.h"
#include <errno.h>

/** The class of synthetic network cards, as it lies in memory */
static const uint8_t network_class[16] = {
	0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46,
	0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e,
};

/** Some status that is no success */
#define STATUS_REFUSED 0xc0000022UL

static struct {
	/** The guest's half of the interrupt page, a bit for each channel; NULL without contact */
	uint8_t *signals;
	int open;
	int withdrawn;
} bus;

/** Posts a message that is nothing but its type */
static int post_type ( enum bus_type type ) {
	struct bus_header message = { .type = type };

	return calls_post ( &message, sizeof ( message ) );
}

static int contact ( const struct bus_contact *contact ) {
	struct bus_contacted answer = { .header = { .type = BUS_CONTACTED } };

	answer.supported = ( ( ( contact->version == BUS_VERSION_UNLOADS ) ||
			       ( contact->version == BUS_VERSION_OLDEST ) ) &&
			     ! fault_hits ( FAULT_VERSION ) );
	host_say ( "contact, version %d.%d%s\n", ( contact->version >> 16 ),
		   ( contact->version & 0xffff ), ( answer.supported ? "" : " refused" ) );
	if ( answer.supported ) {
		bus.signals = ( ( void * ) ( intptr_t )
				( contact->interrupt_page + ( HV_PAGE / 2 ) ) );
	}
	return calls_post ( &answer, sizeof ( answer ) );
}

static int offer ( void ) {
	struct bus_offer offer;
	int rc;

	memset ( &offer, 0, sizeof ( offer ) );
	offer.header.type = BUS_OFFER;
	memcpy ( offer.type, network_class, sizeof ( offer.type ) );
	memcpy ( offer.instance, rndis_mac(), 6 );
	offer.channel = HV_CHANNEL;
	offer.connection = HV_CONNECTION_EVENT;
	if ( ! fault_hits ( FAULT_NO_OFFER ) ) {
		if ( ( rc = calls_post ( &offer, sizeof ( offer ) ) ) != 0 )
			return rc;
	}
	if ( ( rc = post_type ( BUS_OFFERS_DONE ) ) != 0 )
		return rc;
	if ( fault_hits ( FAULT_WITHDRAWN ) )
		bus_withdraw();
	return 0;
}

/** Withdraws the offer: the channel is gone, and nothing that concerns it is answered */
void bus_withdraw ( void ) {
	struct bus_channel rescind = { .header = { .type = BUS_RESCIND } };

	if ( bus.withdrawn )
		return;
	bus.withdrawn = 1;
	rescind.channel = HV_CHANNEL;
	calls_post ( &rescind, sizeof ( rescind ) );
	host_say ( "withdrew the offer\n" );
}

/** Whether the offer was withdrawn */
int bus_is_withdrawn ( void ) {
	return bus.withdrawn;
}

static int share ( const struct bus_gpadl *message, size_t len ) {
	struct bus_gpadl_created answer = { .header = { .type = BUS_GPADL_CREATED } };
	int rc;

	answer.channel = message->channel;
	answer.gpadl = message->gpadl;
	if ( fault_hits ( FAULT_GPADL_REFUSED ) ) {
		answer.status = STATUS_REFUSED;
	} else if ( ( rc = memory_share ( message, len ) ) != 0 ) {
		host_say ( "refuses GPADL %#x: %s\n", message->gpadl, strerror ( rc ) );
		answer.status = STATUS_REFUSED;
	}
	if ( fault_hits ( FAULT_GPADL_OTHER ) )
		answer.gpadl++;
	return calls_post ( &answer, sizeof ( answer ) );
}

static int unshare ( const struct bus_gpadl_teardown *message ) {
	struct bus_gpadl_torn_down answer = { .header = { .type = BUS_GPADL_TORN_DOWN } };

	if ( memory_unshare ( message->gpadl ) != 0 )
		host_say ( "was asked to tear down GPADL %#x, which does not exist\n",
			   message->gpadl );
	answer.gpadl = message->gpadl;
	return calls_post ( &answer, sizeof ( answer ) );
}

static int open_channel ( const struct bus_open *message ) {
	struct bus_opened answer = { .header = { .type = BUS_OPENED } };
	int rc;

	answer.channel = message->channel;
	answer.id = message->id;
	if ( fault_hits ( FAULT_OPEN_REFUSED ) || bus.open ) {
		answer.status = STATUS_REFUSED;
	} else if ( ( rc = ring_open ( message->gpadl, message->inbound_page ) ) != 0 ) {
		host_say ( "refuses to open the channel: %s\n", strerror ( rc ) );
		answer.status = STATUS_REFUSED;
	} else {
		bus.open = 1;
	}
	if ( fault_hits ( FAULT_OPEN_OTHER ) )
		answer.id++;
	return calls_post ( &answer, sizeof ( answer ) );
}

static int close_channel ( void ) {
	ring_close();
	nvsp_close();
	bus.open = 0;
	return 0;
}

static int unload ( void ) {
	if ( bus.open )
		host_say ( "sees contact ended with an open channel\n" );
	bus.signals = NULL;
	return post_type ( BUS_UNLOADED );
}

/** The length of a message of a type that concerns our channel or none; 0 for unknown types */
static size_t expected_len ( uint32_t type ) {
	switch ( type ) {
	case BUS_REQUEST_OFFERS:
	case BUS_UNLOAD:
		return sizeof ( struct bus_header );
	case BUS_CONTACT:
		return sizeof ( struct bus_contact );
	case BUS_CLOSE:
		return sizeof ( struct bus_channel );
	case BUS_OPEN:
		return sizeof ( struct bus_open );
	case BUS_GPADL:
		return sizeof ( struct bus_gpadl );
	case BUS_GPADL_TEARDOWN:
		return sizeof ( struct bus_gpadl_teardown );
	default:
		return 0;
	}
}

/** Takes a message of the guest's */
int bus_receive ( const void *message, size_t len ) {
	const struct bus_header *header = message;
	const struct bus_channel *channel = message;
	uint32_t type = ( ( len < sizeof ( *header ) ) ? 0 : header->type );
	size_t expected = expected_len ( type );

	if ( ( ! expected ) || ( len < expected ) ) {
		host_say ( "refuses a message of type %d and %zd bytes\n", type, len );
		return -EINVAL;
	}
	switch ( type ) {
	case BUS_CONTACT:
		return contact ( message );
	case BUS_REQUEST_OFFERS:
		return offer();
	case BUS_UNLOAD:
		return unload();
	}
	if ( ( channel->channel != HV_CHANNEL ) || ( ! bus.signals ) ) {
		host_say ( "refuses a message of type %d for channel %d\n", type,
			   channel->channel );
		return -EINVAL;
	}
	if ( bus.withdrawn ) {
		host_say ( "ignores a message of type %d for a withdrawn channel\n", type );
		return 0;
	}
	switch ( type ) {
	case BUS_GPADL:
		return share ( message, len );
	case BUS_GPADL_TEARDOWN:
		return unshare ( message );
	case BUS_OPEN:
		return open_channel ( message );
	default:
		return close_channel();
	}
}

/** The guest signalled: serves the channel, when the guest set its bit */
void bus_signal ( void ) {
	uint8_t mask = ( 1 << ( HV_CHANNEL % 8 ) );
	uint8_t *signals = ( bus.signals ? &bus.signals[ HV_CHANNEL / 8 ] : NULL );

	if ( ( ! signals ) || ( ! ( *signals & mask ) ) ) {
		host_say ( "was signalled for no channel\n" );
		return;
	}
	*signals &= ~mask;
	ring_service();
}

/** Says how the guest left things, and forgets it */
void bus_reset ( void ) {
	host_say ( "is left with %d shared regions, the channel %s\n", memory_shares(),
		   ( bus.open ? "open" : "closed" ) );
	ring_close();
	nvsp_close();
	memset ( &bus, 0, sizeof ( bus ) );
	calls_reset();
}
