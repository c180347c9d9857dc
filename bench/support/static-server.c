// The backend of the router bench: answers each request of a keep-alive connection with the same bytes, one thread, so
// that it is never the slowest part. Requests without a body only.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char REPLY[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";

enum { MAX_FD = 65536, MAX_EVENTS = 256 };
static unsigned char seen[MAX_FD]; /* bytes of "\r\n\r\n" that the connection has just sent */

static int count_requests(int fd, const char *bytes, ssize_t length) {
  int requests = 0;
  for (ssize_t i = 0; i < length; i++) {
    unsigned char at = seen[fd];
    char wanted = at % 2 == 0 ? '\r' : '\n';
    seen[fd] = bytes[i] == wanted ? at + 1 : bytes[i] == '\r';
    if (seen[fd] == 4) { requests++; seen[fd] = 0; }
  }
  return requests;
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, _exit);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
  const char *port = getenv("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port ? atoi(port) : 5000)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0) return 1;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[MAX_EVENTS];
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int count = epoll_wait(poll, ready, MAX_EVENTS, -1);
    for (int i = 0; i < count; i++) {
      int fd = ready[i].data.fd;
      if (fd == listener) {
        int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (client < 0) continue;
        if (client >= MAX_FD) { close(client); continue; }
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        seen[client] = 0;
        event.data.fd = client;
        epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
        continue;
      }
      char bytes[16384];
      ssize_t length = read(fd, bytes, sizeof bytes);
      if (length <= 0) { close(fd); continue; }
      for (int left = count_requests(fd, bytes, length); left > 0; left--)
        if (write(fd, REPLY, sizeof REPLY - 1) < 0) break;
    }
  }
}
