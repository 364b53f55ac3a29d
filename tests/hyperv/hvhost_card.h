/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVHOST_CARD_H
#define HVHOST_CARD_H

/** @file
 *
 * What the synthetic network card and its driver say to each other over a channel: NVSP, and RNDIS
 * in it. Written down a second time, as in hvhost_protocol.h.
 */

FILE_LICENCE ( GPL2_OR_LATER );

#include <stdint.h>
#include "hvhost_protocol.h"

enum nvsp_type {
	NVSP_INIT = 1,
	NVSP_INIT_DONE = 2,
	NVSP_NDIS_VERSION = 100,
	NVSP_RECEIVE_BUFFER = 101,
	NVSP_RECEIVE_BUFFER_DONE = 102,
	NVSP_REVOKE_RECEIVE_BUFFER = 103,
	NVSP_RNDIS = 107,
};

#define NVSP_VERSION_1		2
#define NVSP_SUCCESS		1
#define NVSP_FAILURE		2
#define NVSP_CHANNEL_DATA	0
#define NVSP_CHANNEL_CONTROL	1
#define NVSP_NO_SECTION		0xffffffffUL

struct nvsp_init {
	uint32_t type;
	uint32_t lowest;
	uint32_t highest;
} HV_PACKED;

struct nvsp_init_done {
	uint32_t type;
	uint32_t version;
	uint32_t max_chain;
	uint32_t status;
	uint8_t reserved[16];
} HV_PACKED;

struct nvsp_buffer {
	uint32_t type;
	uint32_t gpadl;
	uint16_t pageset;
} HV_PACKED;

struct nvsp_buffer_done {
	uint32_t type;
	uint32_t status;
	uint32_t sections;
	uint32_t start;
	uint32_t slot_len;
	uint32_t slots;
	uint32_t end;
} HV_PACKED;

struct nvsp_rndis {
	uint32_t type;
	uint32_t channel;
	uint32_t section;
	uint32_t section_len;
	uint8_t reserved[16];
} HV_PACKED;

enum rndis_type {
	RNDIS_PACKET = 0x00000001,
	RNDIS_INIT = 0x00000002,
	RNDIS_HALT = 0x00000003,
	RNDIS_QUERY = 0x00000004,
	RNDIS_SET = 0x00000005,
	RNDIS_STATUS = 0x00000007,
};

/** Added to the type of a request, makes the type of its answer */
#define RNDIS_ANSWER		0x80000000UL

enum rndis_oid {
	OID_CONNECT_STATUS = 0x00010114,
	OID_PACKET_FILTER = 0x0001010e,
	OID_PERMANENT_ADDRESS = 0x01010101,
	OID_CURRENT_ADDRESS = 0x01010102,
};

#define RNDIS_SUCCESS		0x00000000UL
#define RNDIS_FAILURE		0xc0000001UL
#define RNDIS_NOT_SUPPORTED	0xc00000bbUL
#define RNDIS_LINK_UP		0

/* Every RNDIS message starts with these two; the offsets in them count from the field behind */
struct rndis_message {
	uint32_t type;
	uint32_t len;
} HV_PACKED;

struct rndis_init {
	struct rndis_message message;
	uint32_t id;
	uint32_t major;
	uint32_t minor;
	uint32_t max_transfer;
} HV_PACKED;

struct rndis_init_done {
	struct rndis_message message;
	uint32_t id;
	uint32_t status;
	uint32_t major;
	uint32_t minor;
	uint32_t flags;
	uint32_t medium;
	uint32_t max_packets;
	uint32_t max_transfer;
	uint32_t alignment;
	uint32_t reserved[2];
} HV_PACKED;

/** A query, or a setting followed by its value */
struct rndis_request {
	struct rndis_message message;
	uint32_t id;
	uint32_t oid;
	uint32_t len;
	uint32_t offset;
	uint32_t reserved;
} HV_PACKED;

struct rndis_query_done {
	struct rndis_message message;
	uint32_t id;
	uint32_t status;
	uint32_t len;
	uint32_t offset;
	uint8_t value[6];
} HV_PACKED;

struct rndis_set_done {
	struct rndis_message message;
	uint32_t id;
	uint32_t status;
} HV_PACKED;

/** Some status that guests pass over; here, a link that stays as it is */
#define RNDIS_STATUS_NETWORK_CHANGE 0x40020006UL

struct rndis_status_indication {
	struct rndis_message message;
	uint32_t status;
	uint32_t len;
	uint32_t offset;
} HV_PACKED;

struct rndis_packet {
	struct rndis_message message;
	uint32_t offset;
	uint32_t len;
	uint32_t others[7];
} HV_PACKED;

#endif /* HVHOST_CARD_H */
