/* SPDX-License-Identifier: GPL-2.0-or-later */
FILE_LICENCE ( GPL2_OR_LATER );

/** @file
 *
 * VMware's side of GuestInfo for iPXE's Linux userland platform: the tree's own guestinfo.c and
 * guestrpc.c run against it, unchanged, down to the instruction that calls the hypervisor.
 *
 *     vmhost.linux --net vmhost,definition=FILE --net hvhost,...
 *
 * A program may not read I/O ports, so that each such call ends in a signal. Its handler does
 * what the hypervisor would: it changes the registers and goes on behind the instruction. FILE has
 * a line KEY=VALUE for each "guestinfo.KEY" of a virtual machine's definition.
 */

#include <stdio.h>
#include <string.h>
#include <ipxe/init.h>
#include <ipxe/linux.h>
#include <ipxe/linux_api.h>
#include <errno.h>

/** A call: this in EAX, the port in DX */
#define BACKDOOR_MAGIC 0x564d5868UL
#define BACKDOOR_PORT 0x5658

/** The command in CX that is for remote procedures, and the protocol in EBX that is opened */
#define COMMAND_RPC 0x1e
#define PROTOCOL_RPCI 0x49435052UL

/** Bits of the answer in ECX: it succeeded; a command may be sent; a reply is there */
#define ANSWER_OK 0x00010000UL
#define ANSWER_SEND 0x00800000UL
#define ANSWER_REPLY 0x00020000UL

/** The instruction inl %dx, %eax */
#define INSTRUCTION 0xed

/** The number of the only channel, and of each reply */
#define CHANNEL 5
#define REPLY 9

/** What Linux wants to know of a handler, and how x86-64 numbers things */
#define SYS_RT_SIGACTION 13
#define SYS_RT_SIGRETURN "15"
#define SIGNAL_SEGV 11
#define FLAGS ( 0x00000004UL /* siginfo */ | 0x04000000UL /* restorer */ )
struct action {
	void ( * handler ) ( int number, void *info, void *context );
	unsigned long flags;
	void ( * restorer ) ( void );
	unsigned long mask;
};

/** Registers as they lie in a signal's context, behind its head of 40 bytes */
#define CONTEXT_HEAD 40
enum { RBX = 11, RDX, RAX, RCX, RSP, RIP };

static char definition[16384];
static char command[256];
static size_t command_len;
static size_t received;
static char reply[1100];
static size_t reply_len;
static size_t sent;

/** Replies with a value */
static void found ( const char *value, size_t len ) {
	if ( len > ( sizeof ( reply ) - 3 ) )
		len = ( sizeof ( reply ) - 3 );
	memcpy ( reply, "1 ", 2 );
	memcpy ( &reply[2], value, len );
	reply[ 2 + len ] = '\0';
}

/** Looks for the value that "info-get guestinfo.KEY" asks for */
static void carry_out ( void ) {
	static const char get[] = "info-get guestinfo.";
	const char *key = ( command + sizeof ( get ) - 1 );
	size_t key_len = strlen ( key );
	const char *line;
	size_t len;

	snprintf ( reply, sizeof ( reply ), "0 No value found" );
	if ( strncmp ( command, get, ( sizeof ( get ) - 1 ) ) != 0 )
		snprintf ( reply, sizeof ( reply ), "0 Unknown command" );
	for ( line = definition ; *line ; line += ( len + ( line[len] ? 1 : 0 ) ) ) {
		for ( len = 0 ; line[len] && ( line[len] != '\n' ) ; len++ ) {}
		if ( ( len > key_len ) && ( line[key_len] == '=' ) &&
		     ( memcmp ( line, key, key_len ) == 0 ) ) {
			found ( &line[ key_len + 1 ], ( len - key_len - 1 ) );
		}
	}
	reply_len = strlen ( reply );
	sent = 0;
}

/** Takes a command's next bytes, and carries it out when all of it is there */
static void take ( unsigned long data ) {
	unsigned int i;

	for ( i = 0 ; ( i < 4 ) && ( received < command_len ) ; i++, data >>= 8 )
		command[received++] = data;
	if ( received == command_len ) {
		command[received] = '\0';
		carry_out();
	}
}

/** Gives a reply's next bytes */
static unsigned long give ( void ) {
	unsigned long data = 0;
	unsigned int i;

	for ( i = 0 ; ( i < 4 ) && ( sent < reply_len ) ; i++ )
		data |= ( ( ( unsigned long ) ( uint8_t ) reply[sent++] ) << ( 8 * i ) );
	return data;
}

/** Answers one call; the status that is left in ECX */
static unsigned long answer ( unsigned int what, unsigned long *rbx, unsigned long *rdx ) {
	unsigned int channel = ( *rdx >> 16 );
	uint32_t value = *rbx;

	if ( what == 0 ) {
		if ( ( value != PROTOCOL_RPCI ) || ! definition[0] )
			return 0;
		*rdx = ( ( CHANNEL << 16 ) | BACKDOOR_PORT );
		return ANSWER_OK;
	}
	if ( channel != CHANNEL )
		return 0;
	switch ( what ) {
	case 1: /* the length of a command */
		if ( value >= sizeof ( command ) )
			return 0;
		command_len = value;
		received = 0;
		return ( ANSWER_OK | ANSWER_SEND );
	case 2: /* its bytes */
		take ( value );
		return ANSWER_OK;
	case 3: /* the length of the reply */
		*rbx = reply_len;
		*rdx = ( ( REPLY << 16 ) | BACKDOOR_PORT );
		return ( ANSWER_OK | ANSWER_REPLY | ANSWER_SEND );
	case 4: /* its bytes */
		*rbx = give();
		return ( ( value == REPLY ) ? ANSWER_OK : 0 );
	case 5: /* the reply was read */
		return ( ( value == REPLY ) && ( sent == reply_len ) ? ANSWER_OK : 0 );
	default:
		return 0;
	}
}

static void on_signal ( int number, void *info, void *context );

/** Ends a handler; the kernel wants one to come back to */
void vmhost_restorer ( void );
__asm__ ( ".pushsection .text\n"
	  "vmhost_restorer:\n\tmov $" SYS_RT_SIGRETURN ", %eax\n\tsyscall\n"
	  ".popsection\n" );

static void handle_by ( void ( * handler ) ( int number, void *info, void *context ) ) {
	struct action action = {
		.handler = handler,
		.flags = FLAGS,
		.restorer = vmhost_restorer,
	};
	unsigned long result;
	register unsigned long size __asm__ ( "r10" ) = sizeof ( action.mask );

	__asm__ __volatile__ ( "syscall"
			       : "=a" ( result )
			       : "0" ( SYS_RT_SIGACTION ), "D" ( SIGNAL_SEGV ), "S" ( &action ),
				 "d" ( 0UL ), "r" ( size )
			       : "rcx", "r11", "memory" );
}

static void on_signal ( int number __unused, void *info __unused, void *context ) {
	unsigned long *registers = ( context + CONTEXT_HEAD );
	const uint8_t *code = ( ( const uint8_t * ) registers[RIP] );
	uint32_t rcx = registers[RCX];

	if ( ( *code != INSTRUCTION ) || ( ( uint32_t ) registers[RAX] != BACKDOOR_MAGIC ) ||
	     ( ( uint16_t ) registers[RDX] != BACKDOOR_PORT ) ||
	     ( ( rcx & 0xffff ) != COMMAND_RPC ) ) {
		handle_by ( NULL ); /* a fault as any other: it ends the program */
		return;
	}
	registers[RCX] = answer ( ( rcx >> 16 ), &registers[RBX], &registers[RDX] );
	registers[RIP]++;
}

/** Reads the definition that the command line names, before anybody asks for it */
static void vmhost_init ( void ) {
	static const char option[] = "vmhost,definition=";
	const size_t prefix = ( sizeof ( option ) - 1 );
	ssize_t len = -1;
	int fd;
	int i;

	for ( i = 1 ; i < linux_argc ; i++ ) {
		if ( strncmp ( linux_argv[i], option, prefix ) != 0 )
			continue;
		fd = linux_open ( &linux_argv[i][prefix], O_RDONLY );
		if ( fd < 0 )
			break;
		len = linux_read ( fd, definition, ( sizeof ( definition ) - 1 ) );
		linux_close ( fd );
	}
	definition[ ( len < 0 ) ? 0 : len ] = '\0';
	handle_by ( on_signal );
}

struct init_fn vmhost_init_fn __init_fn ( INIT_EARLY ) = {
	.name = "vmhost",
	.initialise = vmhost_init,
};

/** The command line has been read already */
static int vmhost_probe ( struct linux_device *linux __unused,
			  struct linux_device_request *request __unused ) {
	return 0;
}

static void vmhost_remove ( struct linux_device *linux __unused ) {
}

struct linux_driver vmhost_driver __linux_driver = {
	.name = "vmhost",
	.probe = vmhost_probe,
	.remove = vmhost_remove,
};

/* What this is all about, and the network that it leads to */
REQUIRING_SYMBOL ( vmhost_driver );
REQUIRE_OBJECT ( guestinfo );
REQUIRE_OBJECT ( hvhost );
