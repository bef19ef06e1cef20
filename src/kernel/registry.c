/* All sensors there are. A new one adds its line here. */
#include "kernel/sensor.h"

extern const struct sensor process_sensor, exit_sensor, failed_exec_sensor, open_sensor, change_sensor, hist_sensor,
	net_sensor, drop_sensor, flow_sensor, live_sensor, oom_sensor, sample_sensor, signal_sensor, tcp_health_sensor,
	wait_sensor;

const struct sensor *const sensors[] = {
	&process_sensor,
	&exit_sensor,
	&failed_exec_sensor,
	&open_sensor,
	&change_sensor,
	&net_sensor,
	&tcp_health_sensor,
	&flow_sensor,
	&live_sensor,
	&drop_sensor,
	&signal_sensor,
	&oom_sensor,
	&sample_sensor,
	&wait_sensor,
	&hist_sensor,
	NULL,
};
