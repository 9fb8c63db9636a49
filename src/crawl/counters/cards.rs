//! The counters of network cards that keep their own. What a card counts itself, the driver fetches every two
//! seconds, and whenever it is asked: its memory may be that old.

use super::common::{Counters, add, all_queues, check_owner, device_stats, private};
use crate::crawl::reader::{ReadResult, Reader};
use crate::layout::{E1000ePrivate, Rtl8139Private, VirtioNet};

/// `virtnet_stats` (drivers/net/virtio_net.c).
pub(super) fn virtio(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let layout = &reader.layout.network;
    let driver = reader.driver::<VirtioNet>()?;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.info.dev, device)?;
    let queues = all_queues(reader.unsigned(own, driver.info.max_queue_pairs)?, device)?;
    let senders = reader.follow(own, driver.info.sq)?;
    let receivers = reader.follow(own, driver.info.rq)?;
    let stats = reader.at(device, layout.device.stats)?;
    let mut counters = Counters {
        tx_dropped: reader.unsigned(stats, layout.stats.tx_dropped)?,
        ..Counters::default()
    };
    for queue in 0..queues {
        let sender = senders.wrapping_add(queue * u64::from(driver.send_queue.size));
        let receiver = receivers.wrapping_add(queue * u64::from(driver.receive_queue.size));
        add(&mut counters.tx_packets, reader.unsigned(sender, driver.send_queue.packets)?);
        add(&mut counters.tx_bytes, reader.unsigned(sender, driver.send_queue.bytes)?);
        if driver.send_queue.timeouts.exists() {
            add(&mut counters.tx_errors, reader.unsigned(sender, driver.send_queue.timeouts)?);
        }
        add(&mut counters.rx_packets, reader.unsigned(receiver, driver.receive_queue.packets)?);
        add(&mut counters.rx_bytes, reader.unsigned(receiver, driver.receive_queue.bytes)?);
        add(&mut counters.rx_dropped, reader.unsigned(receiver, driver.receive_queue.drops)?);
    }
    Ok(counters)
}

/// `e1000e_get_stats64` (drivers/net/ethernet/intel/e1000e/netdev.c).
pub(super) fn e1000e(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<E1000ePrivate>()?;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.dev, device)?;
    let of = |field| reader.unsigned(own, field);
    let mut counters = Counters {
        rx_packets: of(driver.rx_packets)?,
        rx_bytes: of(driver.rx_bytes)?,
        tx_packets: of(driver.tx_packets)?,
        tx_bytes: of(driver.tx_bytes)?,
        rx_missed: of(driver.rx_missed)?,
        ..Counters::default()
    };
    for error in [
        driver.rx_data_errors,
        driver.rx_crc_errors,
        driver.rx_alignment_errors,
        driver.rx_undersized,
        driver.rx_oversized,
        driver.rx_extension_errors,
    ] {
        add(&mut counters.rx_errors, of(error)?);
    }
    for error in [driver.tx_excessive_collisions, driver.tx_late_collisions] {
        add(&mut counters.tx_errors, of(error)?);
    }
    Ok(counters)
}

/// `rtl8139_get_stats64` (drivers/net/ethernet/realtek/8139too.c).
pub(super) fn rtl8139(reader: &Reader, device: u64) -> ReadResult<Counters> {
    let driver = reader.driver::<Rtl8139Private>()?;
    let own = private(reader, device)?;
    check_owner(reader, own, driver.dev, device)?;
    let of = |field| reader.unsigned(own, field);
    Ok(Counters {
        rx_packets: of(driver.rx_packets)?,
        rx_bytes: of(driver.rx_bytes)?,
        tx_packets: of(driver.tx_packets)?,
        tx_bytes: of(driver.tx_bytes)?,
        ..device_stats(reader, device)?
    })
}
