/* Getters of the field table that live with their sensors. */
#ifndef EVENT_GETTERS_H
#define EVENT_GETTERS_H

#include "event/field.h"

/* The positive errno of an event that failed, 0 if it did not. */
int event_error(const struct event *event);

/* file.c */
bool get_file_path(const struct event *event, struct value *value);
bool get_file_new_path(const struct event *event, struct value *value);
bool get_file_target_path(const struct event *event, struct value *value);
bool get_file_change(const struct event *event, struct value *value);
bool get_file_flags(const struct event *event, struct value *value);
bool get_file_mode(const struct event *event, struct value *value);
bool get_file_type(const struct event *event, struct value *value);
bool get_file_created(const struct event *event, struct value *value);
bool get_file_deleted(const struct event *event, struct value *value);
bool get_file_descriptor(const struct event *event, struct value *value);
bool get_file_inode(const struct event *event, struct value *value);
bool get_file_user(const struct event *event, struct value *value);
bool get_file_group(const struct event *event, struct value *value);
bool get_file_size(const struct event *event, struct value *value);

/* network.c */
bool get_network_transport(const struct event *event, struct value *value);
bool get_network_type(const struct event *event, struct value *value);
bool get_socket_namespace(const struct event *event, struct value *value);
bool get_local_address(const struct event *event, struct value *value);
bool get_peer_address(const struct event *event, struct value *value);
bool get_local_port(const struct event *event, struct value *value);
bool get_peer_port(const struct event *event, struct value *value);
bool get_network_direction(const struct event *event, struct value *value);
bool get_network_cookie(const struct event *event, struct value *value);
bool get_network_latency(const struct event *event, struct value *value);
bool get_network_reason(const struct event *event, struct value *value);
bool get_network_duration(const struct event *event, struct value *value);
bool get_closed_by(const struct event *event, struct value *value);

/* health.c */
bool get_tcp_state(const struct event *event, struct value *value);
bool get_segment_length(const struct event *event, struct value *value);
bool get_reset_way(const struct event *event, struct value *value);
bool get_reset_reason(const struct event *event, struct value *value);

/* drop.c */
bool get_source_address(const struct event *event, struct value *value);
bool get_source_port(const struct event *event, struct value *value);
bool get_destination_address(const struct event *event, struct value *value);
bool get_destination_port(const struct event *event, struct value *value);
bool get_drop_reason(const struct event *event, struct value *value);
bool get_interface_name(const struct event *event, struct value *value);
bool drop_transport(const struct event *event, struct value *value);
bool drop_type(const struct event *event, struct value *value);

/* policy.c */
bool get_policy_name(const struct event *event, struct value *value);
bool get_policy_severity(const struct event *event, struct value *value);
bool get_policy_message(const struct event *event, struct value *value);
bool get_policy_tags(const struct event *event, struct value *value);
bool get_policy_hook(const struct event *event, struct value *value);
bool get_policy_action(const struct event *event, struct value *value);
bool get_policy_point(const struct event *event, struct value *value);
bool get_policy_result(const struct event *event, struct value *value);
bool get_policy_arguments(const struct event *event, struct value *value);
bool get_policy_data(const struct event *event, struct value *value);
bool get_policy_returned(const struct event *event, struct value *value);
bool get_policy_kernel_stack(const struct event *event, struct value *value);
bool get_policy_user_stack(const struct event *event, struct value *value);
bool get_policy_owner(const struct event *event, struct value *value);
bool get_policy_owner_name(const struct event *event, struct value *value);

/* signal.c */
bool get_signal_name(const struct event *event, struct value *value);
bool get_signal_target_name(const struct event *event, struct value *value);
bool get_signal_target_thread(const struct event *event, struct value *value);
bool get_signal_delivered(const struct event *event, struct value *value);
bool get_signal_result(const struct event *event, struct value *value);

/* oom.c */
bool get_oom_victim_name(const struct event *event, struct value *value);
bool get_oom_victim_memory(const struct event *event, struct value *value);
bool get_oom_limit(const struct event *event, struct value *value);

#endif
