/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVHOST_H
#define HVHOST_H

/** @file
 *
 * The parts of the simulated Hyper-V host, and what they offer each other.
 *
 * Everything that the guest says is checked before it is used, as a real host would.
 */

FILE_LICENCE ( GPL2_OR_LATER );

/* Error numbers of our files, in a range that iPXE leaves free */
#define ERRFILE_hvhost		( ERRFILE_OTHER | 0x00f00000 )
#define ERRFILE_hvhost_calls	( ERRFILE_OTHER | 0x00f10000 )
#define ERRFILE_hvhost_bus	( ERRFILE_OTHER | 0x00f20000 )
#define ERRFILE_hvhost_memory	( ERRFILE_OTHER | 0x00f30000 )
#define ERRFILE_hvhost_ring	( ERRFILE_OTHER | 0x00f40000 )
#define ERRFILE_hvhost_nvsp	( ERRFILE_OTHER | 0x00f50000 )
#define ERRFILE_hvhost_rndis	( ERRFILE_OTHER | 0x00f60000 )
#define ERRFILE_hvhost_net	( ERRFILE_OTHER | 0x00f70000 )
#define ERRFILE_hvhost_fault	( ERRFILE_OTHER | 0x00f80000 )
#define ERRFILE_hvhost_medium	( ERRFILE_OTHER | 0x00f90000 )

#include <stdint.h>
#include <stddef.h>
#include <stdio.h>
#include "hvhost_protocol.h"
#include "hvhost_card.h"

/** The size of a page of guest memory, whatever the processor's is */
#define HV_PAGE		4096

/** The one channel that is offered */
#define HV_CHANNEL	7

/** Tells whoever watches what the host sees */
#define host_say( ... ) printf ( "HOST " __VA_ARGS__ )

/* hvhost_calls.c: the hypercalls and the message slot */
extern int calls_post ( const void *message, size_t len );
extern void calls_reset ( void );

/* hvhost_bus.c: VMBus */
extern int bus_receive ( const void *message, size_t len );
extern void bus_signal ( void );
extern void bus_withdraw ( void );
extern int bus_is_withdrawn ( void );
extern void bus_reset ( void );

/* hvhost_memory.c: guest memory that the guest shared */
extern int memory_share ( const struct bus_gpadl *message, size_t len );
extern int memory_unshare ( uint32_t gpadl );
extern void * memory_map ( uint32_t gpadl, size_t *len );
extern int memory_read ( const uint64_t *pages, size_t count, size_t offset, void *data,
			 size_t len );
extern unsigned int memory_shares ( void );

/* hvhost_ring.c: the two rings of the channel */
extern int ring_open ( uint32_t gpadl, size_t inbound_page );
extern void ring_close ( void );
extern int ring_send ( struct packet *header, size_t header_len, const void *data, size_t len );
extern void ring_service ( void );

/* hvhost_nvsp.c: the network service on the channel, and its receive buffer */
extern void nvsp_inband ( uint64_t transaction, const void *data, size_t len );
extern void nvsp_direct ( uint64_t transaction, const void *data, size_t len,
			  const void *rndis, size_t rndis_len );
extern void nvsp_completion ( uint64_t transaction );
extern int nvsp_deliver ( const void *rndis, size_t len );
extern void nvsp_flush ( void );
extern void nvsp_close ( void );

/* hvhost_rndis.c: the network card */
extern void rndis_set_mac ( const uint8_t *mac );
extern const uint8_t * rndis_mac ( void );
extern void rndis_receive ( const void *message, size_t len );
extern int rndis_frame ( const void *frame, size_t len );

/* hvhost_net.c: the network behind it */
extern int net_open ( void );
extern void net_close ( void );
extern void net_send ( const void *frame, size_t len );

/* hvhost_medium.c: the boot medium with the ticket */
extern int medium_insert ( const char *path );

/* hvhost_fault.c: what goes wrong on purpose */
enum fault {
	FAULT_NONE = 0,
	FAULT_NO_OFFER,
	FAULT_VERSION,
	FAULT_WITHDRAWN,
	FAULT_WITHDRAWN_RUNNING,
	FAULT_GPADL_REFUSED,
	FAULT_GPADL_OTHER,
	FAULT_OPEN_REFUSED,
	FAULT_OPEN_OTHER,
	FAULT_RING_FULL,
	FAULT_FLOOD,
	FAULT_PACKET_NO_HEADER,
	FAULT_PACKET_OVERLONG,
	FAULT_PACKET_TYPE,
	FAULT_PACKET_UNDERLENGTH,
	FAULT_PACKET_EMPTY,
	FAULT_INIT_SILENT,
	FAULT_INIT_STATUS,
	FAULT_INIT_TYPE,
	FAULT_INIT_SHORT,
	FAULT_BUFFER_STATUS,
	FAULT_BUFFER_SHORT,
	FAULT_STRAY_COMPLETION,
	FAULT_STRAY_INBAND,
	FAULT_NVSP_TYPE,
	FAULT_NVSP_SHORT,
	FAULT_RANGE_OFFSET,
	FAULT_RANGE_LENGTH,
	FAULT_RANGE_COUNT,
	FAULT_PAGESET,
	FAULT_RNDIS_SHORT,
	FAULT_RNDIS_TYPE,
	FAULT_RNDIS_INIT_SHORT,
	FAULT_RNDIS_INIT_STATUS,
	FAULT_RNDIS_QUERY_SHORT,
	FAULT_RNDIS_QUERY_RANGE,
	FAULT_RNDIS_QUERY_STATUS,
	FAULT_RNDIS_LINK_SIZE,
	FAULT_DATA_SHORT,
	FAULT_DATA_OFFSET,
	FAULT_DATA_LENGTH,
};
extern int fault_choose ( const char *name );
extern void fault_when ( unsigned long after, unsigned long times );
extern int fault_hits ( enum fault fault );

#endif /* HVHOST_H */
