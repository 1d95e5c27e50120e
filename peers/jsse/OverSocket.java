// javax.net.ssl.SSLSocket, layered over a Socket whose streams call back to the transport.
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketImpl;
import java.net.SocketTimeoutException;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;

final class OverSocket extends Shim {
  // A connected socket, as far as an SSLSocket asks one. What belongs to the harness it neither shuts down nor closes; what the SSLSocket is
  // to close it does, as Java's own socket.
  static final class Transport extends Socket {
    int number;
    private final boolean own;
    private boolean closed = false, inputShut = false, outputShut = false;
    private int timeout = 0;
    Transport(int number, boolean own) throws IOException {
      super((SocketImpl) null);
      this.number = number;
      this.own = own;
    }
    private void live() throws IOException {
      if (closed) throw new SocketException("Socket closed");
    }
    private static int moved(int result) throws IOException {
      if (result == -110) throw new SocketTimeoutException("Read timed out");
      if (result < 0) throw new Broken(-result);
      return result;
    }
    @Override public InputStream getInputStream() {
      return new InputStream() {
        @Override public int read() throws IOException {
          byte[] one = new byte[1];
          return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
        }
        @Override public int read(byte[] into, int at, int size) throws IOException {
          live();
          if (size == 0) return 0;
          if (inputShut) return -1;
          int got = moved(receive(number, into, at, size, timeout > 0 ? now() + timeout * 1000000L : -1));
          return got == 0 ? -1 : got;
        }
        @Override public int available() throws IOException {
          live();
          return own && !inputShut ? moved(Shim.available(number)) : 0;
        }
      };
    }
    @Override public OutputStream getOutputStream() {
      return new OutputStream() {
        @Override public void write(int one) throws IOException { write(new byte[] {(byte) one}, 0, 1); }
        @Override public void write(byte[] from, int at, int size) throws IOException {
          live();
          for (int put = 0; put < size;) put += moved(send(number, from, at + put, size - put, -1));
        }
      };
    }
    @Override public void setSoTimeout(int milliseconds) { timeout = milliseconds; }
    @Override public int getSoTimeout() { return timeout; }
    @Override public int getSoLinger() { return -1; }
    @Override public InetAddress getInetAddress() { return InetAddress.getLoopbackAddress(); }
    @Override public int getPort() { return 443; }
    @Override public boolean isConnected() { return true; }
    @Override public boolean isBound() { return true; }
    @Override public boolean isClosed() { return closed; }
    @Override public boolean isInputShutdown() { return inputShut; }
    @Override public boolean isOutputShutdown() { return outputShut; }
    @Override public void shutdownInput() throws IOException {
      if (!own) return;
      live();
      moved(shutDown(number, false));
      inputShut = true;
    }
    @Override public void shutdownOutput() throws IOException {
      if (!own) return;
      live();
      moved(shutDown(number, true));
      outputShut = true;
    }
    @Override public void close() throws IOException {
      if (!own || closed) return;
      closed = true;
      moved(Shim.close(number));
    }
  }

  private final Transport transport;
  private final SSLSocket socket;
  private final InputStream input;
  private final OutputStream output;

  OverSocket(SSLContext context, int number, boolean client, String version, String suite, boolean requiresCertificate,
             boolean closesTransport) throws IOException {
    transport = new Transport(number, closesTransport);
    socket = (SSLSocket) (client ? context.getSocketFactory().createSocket(transport, "localhost", 443, closesTransport)
                                 : context.getSocketFactory().createSocket(transport, new ByteArrayInputStream(new byte[0]), closesTransport));
    socket.setUseClientMode(client);
    socket.setEnabledProtocols(new String[] {version});
    socket.setEnabledCipherSuites(new String[] {suite});
    if (requiresCertificate) socket.setNeedClientAuth(true);
    input = socket.getInputStream();
    output = socket.getOutputStream();
  }

  @Override void leave() { transport.number = -1; }
  @Override void handshake() { make(() -> { socket.startHandshake(); return 0; }); }
  @Override void read(byte[] into) { make(() -> input.read(into)); }
  @Override void write(byte[] from) { make(() -> { output.write(from); return from.length; }); }
  @Override void closeWrite() { make(() -> { socket.shutdownOutput(); return 0; }); }
  @Override void close() { make(() -> { socket.close(); return 0; }); }
  @Override void limit(int milliseconds) { make(() -> { socket.setSoTimeout(milliseconds); return 0; }); }
}
