/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HVHOST_PROTOCOL_H
#define HVHOST_PROTOCOL_H

/** @file
 *
 * What a Hyper-V host and its guest say to each other by VMBus: messages, and packets in rings.
 *
 * Written down a second time on purpose. If the host used the driver's own definitions, a field in
 * the wrong place would be in the wrong place on both sides, and nobody would notice. All numbers
 * are little-endian, as is every machine that Hyper-V's network driver runs on.
 */

FILE_LICENCE ( GPL2_OR_LATER );

#include <stdint.h>

#define HV_PACKED __attribute__ (( packed ))

/* Connections of the hypercalls, and the one type of message that VMBus posts */
#define HV_CONNECTION_MESSAGE	1
#define HV_CONNECTION_EVENT	2
#define HV_MESSAGE_VMBUS	1

/** The longest payload of a posted message */
#define HV_MESSAGE_MAX		240

/* VMBus messages */
enum bus_type {
	BUS_OFFER = 1,
	BUS_RESCIND = 2,
	BUS_REQUEST_OFFERS = 3,
	BUS_OFFERS_DONE = 4,
	BUS_OPEN = 5,
	BUS_OPENED = 6,
	BUS_CLOSE = 7,
	BUS_GPADL = 8,
	BUS_GPADL_CREATED = 10,
	BUS_GPADL_TEARDOWN = 11,
	BUS_GPADL_TORN_DOWN = 12,
	BUS_CONTACT = 14,
	BUS_CONTACTED = 15,
	BUS_UNLOAD = 16,
	BUS_UNLOADED = 17,
};

/* The versions of VMBus: the one the guest must find, and the oldest, which it then speaks */
#define BUS_VERSION_OLDEST	0x0000000dUL
#define BUS_VERSION_UNLOADS	0x00030000UL

struct bus_header {
	uint32_t type;
	uint32_t reserved;
} HV_PACKED;

struct bus_contact {
	struct bus_header header;
	uint32_t version;
	uint32_t processor;
	uint64_t interrupt_page;
	uint64_t monitor_in;
	uint64_t monitor_out;
} HV_PACKED;

struct bus_contacted {
	struct bus_header header;
	uint8_t supported;
	uint8_t state;
	uint8_t reserved[2];
	uint32_t connection;
} HV_PACKED;

struct bus_offer {
	struct bus_header header;
	uint8_t type[16];
	uint8_t instance[16];
	uint8_t reserved[16];
	uint16_t flags;
	uint16_t mmio_megabytes;
	uint8_t user[120];
	uint16_t subchannel;
	uint16_t reserved_end;
	uint32_t channel;
	uint8_t monitor;
	uint8_t monitored;
	uint16_t dedicated_interrupt;
	uint32_t connection;
} HV_PACKED;

/** Messages that name a channel and nothing else: withdrawing an offer, closing */
struct bus_channel {
	struct bus_header header;
	uint32_t channel;
} HV_PACKED;

struct bus_open {
	struct bus_header header;
	uint32_t channel;
	uint32_t id;
	uint32_t gpadl;
	uint32_t processor;
	uint32_t inbound_page;
	uint8_t user[120];
} HV_PACKED;

struct bus_opened {
	struct bus_header header;
	uint32_t channel;
	uint32_t id;
	uint32_t status;
} HV_PACKED;

struct bus_gpadl {
	struct bus_header header;
	uint32_t channel;
	uint32_t gpadl;
	uint16_t range_len;
	uint16_t range_count;
	uint32_t len;
	uint32_t offset;
	uint64_t pages[];
} HV_PACKED;

struct bus_gpadl_created {
	struct bus_header header;
	uint32_t channel;
	uint32_t gpadl;
	uint32_t status;
} HV_PACKED;

struct bus_gpadl_teardown {
	struct bus_header header;
	uint32_t channel;
	uint32_t gpadl;
} HV_PACKED;

struct bus_gpadl_torn_down {
	struct bus_header header;
	uint32_t gpadl;
} HV_PACKED;

/** The control page in front of each ring's data */
struct ring_control {
	uint32_t write;
	uint32_t read;
	uint32_t quiet;
	uint8_t reserved[4084];
} HV_PACKED;

enum packet_type {
	PACKET_INBAND = 6,
	PACKET_PAGES = 7,
	PACKET_DIRECT = 9,
	PACKET_CANCEL = 10,
	PACKET_COMPLETION = 11,
};

#define PACKET_WANTS_COMPLETION	1

/** A packet in a ring; lengths are in units of eight bytes and include this header */
struct packet {
	uint16_t type;
	uint16_t header_units;
	uint16_t units;
	uint16_t flags;
	uint64_t transaction;
} HV_PACKED;

/** Behind the header of PACKET_PAGES: ranges of a page set that both sides know */
struct packet_pages {
	struct packet packet;
	uint16_t pageset;
	uint8_t owner;
	uint8_t reserved;
	uint32_t count;
	uint32_t len;
	uint32_t offset;
} HV_PACKED;

/** Behind the header of PACKET_DIRECT: pages of guest memory */
struct packet_direct {
	struct packet packet;
	uint32_t reserved;
	uint32_t count;
	uint32_t len;
	uint32_t offset;
	uint64_t pages[];
} HV_PACKED;

/** After each packet: where it began, in the upper half */
struct packet_footer {
	uint32_t reserved;
	uint32_t start;
} HV_PACKED;

#endif /* HVHOST_PROTOCOL_H */
