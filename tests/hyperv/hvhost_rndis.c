/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * RNDIS: the network card that the guest talks to.
 */

#include <string.h>
#include "hvhost.h"
#include <errno.h>

/** The longest frame, without its checksum */
#define MAX_FRAME 1514
/** How many indications a flood is: more than a ring of one page can hold */
#define FLOOD 200
/** Where offsets in a message start to count: behind its type and length */
#define BODY sizeof ( struct rndis_message )

static uint8_t mac[6] = { 0x00, 0x15, 0x5d, 0x00, 0x00, 0x01 };

/** Sets the card's address */
void rndis_set_mac ( const uint8_t *new_mac ) {
	memcpy ( mac, new_mac, sizeof ( mac ) );
}

/** The card's address */
const uint8_t * rndis_mac ( void ) {
	return mac;
}

/** Sends a message, whose length it fills in */
static void deliver ( struct rndis_message *message, size_t len ) {
	int rc;

	message->len = len;
	if ( fault_hits ( FAULT_RNDIS_TYPE ) )
		message->type = 0x77777777;
	if ( fault_hits ( FAULT_RNDIS_SHORT ) )
		len = sizeof ( message->type );
	if ( ( rc = nvsp_deliver ( message, len ) ) != 0 )
		host_say ( "drops an RNDIS message: %s\n", strerror ( rc ) );
}

static void flood ( void ) {
	struct rndis_status_indication indication = {
		.message = { .type = RNDIS_STATUS },
		.status = RNDIS_STATUS_NETWORK_CHANGE,
	};
	unsigned int i;

	for ( i = 0 ; i < FLOOD ; i++ )
		deliver ( &indication.message, sizeof ( indication ) );
}

static void init ( const struct rndis_init *init ) {
	struct rndis_init_done done = {
		.message = { .type = ( RNDIS_INIT | RNDIS_ANSWER ) },
		.id = init->id,
		.major = init->major,
		.minor = init->minor,
		.flags = 1,
		.max_packets = 1,
		.max_transfer = ( sizeof ( struct rndis_packet ) + MAX_FRAME ),
	};
	size_t len = sizeof ( done );

	if ( fault_hits ( FAULT_FLOOD ) )
		flood();
	if ( fault_hits ( FAULT_RNDIS_INIT_STATUS ) )
		done.status = RNDIS_FAILURE;
	if ( fault_hits ( FAULT_RNDIS_INIT_SHORT ) )
		len = ( BODY + sizeof ( done.id ) );
	deliver ( &done.message, len );
}

static void query ( const struct rndis_request *request ) {
	struct rndis_query_done done = {
		.message = { .type = ( RNDIS_QUERY | RNDIS_ANSWER ) },
		.id = request->id,
		.offset = ( offsetof ( typeof ( done ), value ) - BODY ),
	};
	static const uint32_t link = RNDIS_LINK_UP;
	size_t len;

	switch ( request->oid ) {
	case OID_PERMANENT_ADDRESS:
	case OID_CURRENT_ADDRESS:
		done.len = sizeof ( mac );
		memcpy ( done.value, mac, sizeof ( mac ) );
		break;
	case OID_CONNECT_STATUS:
		done.len = ( fault_hits ( FAULT_RNDIS_LINK_SIZE ) ? 2 : sizeof ( link ) );
		memcpy ( done.value, &link, sizeof ( link ) );
		break;
	default:
		host_say ( "knows no OID %#x\n", request->oid );
		done.status = RNDIS_NOT_SUPPORTED;
	}
	len = ( offsetof ( typeof ( done ), value ) + done.len );
	if ( fault_hits ( FAULT_RNDIS_QUERY_STATUS ) )
		done.status = RNDIS_FAILURE;
	if ( fault_hits ( FAULT_RNDIS_QUERY_RANGE ) )
		done.offset = 0x7ffffff0;
	if ( fault_hits ( FAULT_RNDIS_QUERY_SHORT ) )
		len = ( BODY + sizeof ( done.id ) );
	deliver ( &done.message, len );
}

static void set ( const struct rndis_request *request, size_t len ) {
	struct rndis_set_done done = {
		.message = { .type = ( RNDIS_SET | RNDIS_ANSWER ) },
		.id = request->id,
	};
	uint32_t filter;

	if ( ( request->oid != OID_PACKET_FILTER ) || ( request->len != sizeof ( filter ) ) ||
	     ( request->offset > ( len - BODY ) ) ||
	     ( request->len > ( len - BODY - request->offset ) ) ) {
		done.status = RNDIS_NOT_SUPPORTED;
	} else {
		memcpy ( &filter, ( ( ( void * ) request ) + BODY + request->offset ),
			 sizeof ( filter ) );
		host_say ( "card filter %#x\n", filter );
	}
	deliver ( &done.message, sizeof ( done ) );
}

static void packet ( const struct rndis_packet *packet, size_t len ) {
	if ( ( packet->offset > ( len - BODY ) ) ||
	     ( packet->len > ( len - BODY - packet->offset ) ) || ( packet->len > MAX_FRAME ) ) {
		host_say ( "drops a frame that lies outside its message\n" );
		return;
	}
	net_send ( ( ( ( void * ) packet ) + BODY + packet->offset ), packet->len );
	if ( fault_hits ( FAULT_WITHDRAWN_RUNNING ) )
		bus_withdraw();
}

/** The shortest message of a type; 0 for unknown types */
static size_t expected_len ( uint32_t type ) {
	switch ( type ) {
	case RNDIS_PACKET:
		return sizeof ( struct rndis_packet );
	case RNDIS_INIT:
		return sizeof ( struct rndis_init );
	case RNDIS_HALT:
		return sizeof ( struct rndis_message );
	case RNDIS_QUERY:
	case RNDIS_SET:
		return sizeof ( struct rndis_request );
	default:
		return 0;
	}
}

/** Takes a message of the guest's */
void rndis_receive ( const void *data, size_t len ) {
	const struct rndis_message *message = data;
	size_t expected = ( ( len < sizeof ( *message ) ) ? 0 : expected_len ( message->type ) );

	if ( ( ! expected ) || ( len < expected ) || ( message->len != len ) ) {
		host_say ( "ignores an RNDIS message of %zd bytes\n", len );
		return;
	}
	switch ( message->type ) {
	case RNDIS_PACKET:
		packet ( data, len );
		break;
	case RNDIS_INIT:
		init ( data );
		break;
	case RNDIS_QUERY:
		query ( data );
		break;
	case RNDIS_SET:
		set ( data, len );
		break;
	case RNDIS_HALT:
		host_say ( "card halted\n" );
		break;
	}
}

/** Sends a frame from the network to the guest */
int rndis_frame ( const void *frame, size_t len ) {
	static struct {
		struct rndis_packet packet;
		uint8_t frame[MAX_FRAME];
	} HV_PACKED message;
	size_t total = ( sizeof ( message.packet ) + len );

	if ( len > sizeof ( message.frame ) )
		return -ERANGE;
	memset ( &message.packet, 0, sizeof ( message.packet ) );
	message.packet.message.type = RNDIS_PACKET;
	message.packet.message.len = total;
	message.packet.offset = ( sizeof ( message.packet ) - BODY );
	message.packet.len = len;
	memcpy ( message.frame, frame, len );
	if ( fault_hits ( FAULT_DATA_OFFSET ) )
		message.packet.offset = 0x7ffffff0;
	if ( fault_hits ( FAULT_DATA_LENGTH ) )
		message.packet.len = 0xffffff00;
	if ( fault_hits ( FAULT_DATA_SHORT ) )
		total = ( BODY + sizeof ( message.packet.offset ) );
	return nvsp_deliver ( &message, total );
}
