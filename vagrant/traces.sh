# What a lab leaves on its host, for vagrant/run: two lists of it, before and after, have to be the same.

# Everything a virtual machine could leave behind, a line each. Needs libvirtd for the first part.
traces_in_libvirt() {
	virsh uri | sed 's/^/libvirt /'
	virsh list --all --name | sed 's/ *$//; s/^/machine /'
	for pool in $(virsh pool-list --name); do
		virsh vol-list "$pool" | awk -v pool="$pool" 'NR > 2 && NF { print "volume", pool, $1 }'
	done
	virsh pool-list --all --name | sed 's/ *$//; s/^/pool /'
	virsh net-list --all --name | sed 's/ *$//; s/^/network /'
}

traces_on_host() {
	pgrep -fl '^/usr/s?bin/(qemu-system[^ ]* .*vagrant_lab|dnsmasq .*vagrant-libvirt|libvirtd|virtlogd)' |
		sed 's/^/process /' || true
	find /etc/libvirt/qemu /etc/libvirt/storage /var/lib/libvirt/images -type f -o -type l 2>/dev/null |
		sed 's/^/file /' || true
	ip -o link | awk -F': ' '$2 ~ /^(virbr|vnet|macvtap)/ { print "interface", $2 }'
	sysctl net.ipv4.ip_forward
	for each in iptables ip6tables; do # counters and tables without a rule do not matter
		"$each-save" | sed -n "s/^\(-.*\|:LIBVIRT[^ ]*\).*/$each \1/p"
	done
}

# libvirtd makes its chains at its start and leaves them at its end.
remove_chains() {
	local each table edit
	for each in iptables ip6tables; do
		for table in filter nat mangle; do
			for edit in 's/^-A \(.* -j LIBVIRT_.*\)/-D \1/p' 's/^:\(LIBVIRT_[A-Z]*\).*/-F \1/p' \
				's/^:\(LIBVIRT_[A-Z]*\).*/-X \1/p'; do
				"$each-save" -t "$table" | sed -n "$edit" | xargs -rL1 "$each" -w -t "$table"
			done
		done
	done
}
