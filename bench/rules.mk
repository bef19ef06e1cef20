# The loops need no BPF and no library.
$(B)/bench/loads: bench/loads.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -o $@ $<

# Without libc and position independence: execve and exit of it are as fast as they can be.
$(B)/bench/nothing: bench/nothing.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-stack-protector \
		-fno-pie -no-pie -o $@ $<
