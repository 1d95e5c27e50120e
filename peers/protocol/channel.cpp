#include "peers/protocol/channel.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "peers/protocol/message.h"

// A peer defines recvmsg, sendmsg and close itself (peers/common/transport.cpp). The control socket must not go through them, nor do
// descriptors of our own, so both speak to the kernel directly.
namespace tlsbye {

void Descriptor::reset() {
  if (number_ >= 0) ::syscall(SYS_close, std::exchange(number_, -1));
}

bool Channel::send(std::string_view packet, int passed) {
  iovec part{const_cast<char*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  if (passed >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &passed, sizeof passed);
  }
  long sent = 0;
  do sent = ::syscall(SYS_sendmsg, socket_.get(), &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<long>(packet.size());
}

Channel::Got Channel::receive(std::string& packet, Descriptor* passed) {
  if (!buffer_) buffer_ = std::make_unique<char[]>(largest_message);
  iovec part{buffer_.get(), largest_message};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  // Room for more than the one that may come: each that the kernel hands over is ours to close.
  constexpr std::size_t most_passed = 8;
  alignas(cmsghdr) char control[CMSG_SPACE(most_passed * sizeof(int))]{};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  long got = 0;
  do got = ::syscall(SYS_recvmsg, socket_.get(), &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  packet.assign(buffer_.get(), got > 0 ? static_cast<std::size_t>(got) : 0);
  if (got < 0) return errno == EAGAIN ? Got::timeout : errno == ECONNRESET ? Got::end : Got::error;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::array<int, most_passed> numbers;
    std::memcpy(numbers.data(), CMSG_DATA(header), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) {
      Descriptor received(numbers[i]);
      if (i == 0 && passed) *passed = std::move(received);
    }
  }
  if (got == 0) return Got::end;
  if (message.msg_flags & MSG_TRUNC) {
    errno = EMSGSIZE;
    return Got::error;
  }
  return Got::packet;
}

std::pair<Channel, Channel> channel_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    throw std::system_error(errno, std::generic_category(), "socketpair");
  return {Channel(Descriptor(ends[0])), Channel(Descriptor(ends[1]))};
}

}  // namespace tlsbye
