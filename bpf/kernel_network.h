/* The audit list's part about sockets, packets and network devices; kernel.h includes it. */
#ifndef SONDE_BPF_KERNEL_NETWORK_H
#define SONDE_BPF_KERNEL_NETWORK_H

struct in6_addr {
	u8 in6_bytes[16];
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	union {
		u64 skc_addrpair;
		struct {
			u32 skc_daddr;
			u32 skc_rcv_saddr;
		};
	};
	u16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	unsigned char skc_ipv6only : 1;
	int skc_bound_dev_if;
	struct hlist_nulls_node skc_nulls_node;
};

enum sock_flags {
	SOCK_DONE = 1,
};

typedef struct {
	int owned;
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	struct socket *sk_socket;
	u16 sk_type;
	u32 sk_priority;
	u32 sk_mark;
	int sk_err, sk_err_soft;
	u16 sk_protocol;
	u32 sk_ack_backlog, sk_max_ack_backlog;
	atomic_t sk_drops;
	struct sock_reuseport *sk_reuseport_cb;
};

struct inet_sock {
	struct sock sk;
	u16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct hlist_node icsk_listen_portaddr_node;	/* until 5.18 */
};

typedef enum {
	SS_FREE,
	SS_UNCONNECTED,
} socket_state;

struct socket {
	socket_state state;
	struct file *file;
	struct sock *sk;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 segs_out, segs_in;
	u64 bytes_sent, bytes_retrans, bytes_received, bytes_acked;
	u32 snd_una, rcv_nxt;
	u32 total_retrans;
	u32 srtt_us;
	u32 snd_wnd;
	u64 delivered_mstamp;
	u32 chrono_start;
	u32 chrono_stat[3];
	u8 chrono_type : 2;
};

struct request_sock {
	struct sock_common __req_common;
	u8 num_retrans;
};

struct net_device {
	possible_net_t nd_net;
	int ifindex;
	char name[16];
	struct hlist_node index_hlist;
};

struct dst_entry {
	struct net_device *dev;
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	int skb_iif;
	u16 protocol;
	unsigned int len;
	u32 hash;
	u32 priority;
	u32 mark;
	u16 transport_header;
	u16 network_header;
	unsigned int end;
	unsigned char *head;
	void *destructor;
};

struct skb_shared_info {
	u16 gso_size;
};

/* Why a packet was dropped, since 5.17 (c504e5c2f964). */
enum skb_drop_reason {
	SKB_DROP_REASON_NOT_SPECIFIED,
};

/* Why a reset was sent, since 6.10 (5691276b39da). */
enum sk_rst_reason {
	SK_RST_REASON_NOT_SPECIFIED,
};

/* Four arguments of accept in one, since 6.10 (92ef0fd55ac8). */
struct proto_accept_arg {
	int flags;
};

struct sockaddr {
	u16 sa_family;
};

/* What a control-group program's context really is. Programs are shown a translated view, which has no path. */
struct bpf_sock_addr_kern {
	struct sock *sk;
	struct sockaddr *uaddr;
	u32 uaddrlen;
};

#endif
