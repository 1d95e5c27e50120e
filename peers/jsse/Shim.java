// Java's JSSE as peers/jsse.cpp calls it, over JNI. It makes the calls that it is asked for and nothing else: what they mean is said there.
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketImpl;
import java.net.SocketTimeoutException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

final class Shim {
  // The transport: bytes, or below zero an error number. Times are by the peer's clock, in nanoseconds; -1 for none.
  static native int receive(int transport, byte[] into, int at, int size, long deadline);
  static native int send(int transport, byte[] from, int at, int size, long deadline);
  static native int available(int transport);
  static native int shutDown(int transport, boolean output);
  static native int close(int transport);
  static native long now();

  static final class Broken extends SocketException {
    final int errno;
    Broken(int errno) {
      super("errno " + errno);
      this.errno = errno;
    }
  }

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

  // What a call came to: the fields are read over JNI.
  int n, error, errno;
  String code = "", words = "";

  private static final int NONE = 0, END = 1, CUT = 2, ALERT = 3, SYSTEM = 4, NOT_NOW = 5, OTHER = 6;
  private final Transport transport;
  private final SSLSocket socket;
  private final InputStream input;
  private final OutputStream output;

  private static final TrustManager[] TAKES_ANY = {new X509TrustManager() {
    @Override public void checkClientTrusted(X509Certificate[] chain, String type) {}
    @Override public void checkServerTrusted(X509Certificate[] chain, String type) {}
    @Override public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
  }};

  static {
    Security.setProperty("jdk.tls.disabledAlgorithms", "");  // TLS 1.0 and 1.1, for who asks for them
    System.setProperty("jdk.tls.namedGroups", "secp256r1");
    System.setProperty("jdk.tls.server.enableSessionTicketExtension", "false");
    System.setProperty("jdk.tls.client.enableSessionTicketExtension", "false");
  }

  private static KeyManager[] keys = null;

  private static KeyManager[] keys(String certificate, String key) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    Certificate leaf = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(certificate.getBytes("US-ASCII")));
    byte[] der = Base64.getMimeDecoder().decode(key.replaceAll("-----[A-Z ]+-----", ""));
    store.setKeyEntry("leaf", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der)), new char[0], new Certificate[] {leaf});
    KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
    factory.init(store, new char[0]);
    return factory.getKeyManagers();
  }

  Shim(int number, boolean client, String version, String suite, boolean requiresCertificate, boolean closesTransport, String certificate,
       String key) throws Exception {
    if (keys == null) keys = keys(certificate, key);
    SSLContext context = SSLContext.getInstance("TLS");  // of this session alone: nothing is resumed
    context.init(client ? null : keys, TAKES_ANY, null);
    context.getServerSessionContext().setSessionTimeout(8 * 86400);  // longer than a ticket may live: none is sent
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

  // Whatever becomes of the object, it has no transport any more.
  void leave() { transport.number = -1; }

  void handshake() { make(() -> { socket.startHandshake(); return 0; }); }
  void read(byte[] into) { make(() -> input.read(into)); }
  void write(byte[] from) { make(() -> { output.write(from); return from.length; }); }
  void closeWrite() { make(() -> { socket.shutdownOutput(); return 0; }); }
  void close() { make(() -> { socket.close(); return 0; }); }
  void limit(int milliseconds) { make(() -> { socket.setSoTimeout(milliseconds); return 0; }); }

  interface Call { int make() throws IOException; }

  private void make(Call call) {
    n = errno = 0;
    error = NONE;
    code = words = "";
    try {
      n = call.make();
      if (n < 0) error = END;
    } catch (IOException thrown) {
      error = kind(thrown);
      code = thrown instanceof Broken ? "SocketException" : thrown.getClass().getSimpleName();
      words = String.valueOf(thrown.getMessage());
      n = -1;
    }
  }

  private int kind(IOException thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof Broken) {
        errno = ((Broken) cause).errno;
        return SYSTEM;
      }
      if (cause instanceof EOFException) return CUT;
    }
    String message = String.valueOf(thrown.getMessage());
    for (String told : new String[] {"Received fatal ", "Unknown alert description"})
      if (message.contains(told)) return ALERT;
    if (thrown instanceof SocketTimeoutException) return OTHER;
    return thrown instanceof SocketException ? NOT_NOW : OTHER;
  }
}
